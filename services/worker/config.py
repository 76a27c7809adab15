"""The worker's settings."""

from pathlib import Path

from pydantic import Field

from tutti.config import CommaSeparatedList, GrpcSettings, OptionalCount, OptionalNumber, Port


class WorkerSettings(GrpcSettings):
    port: Port = Field(7300, validation_alias="TUTTI_PORT", description="Port of the gRPC server; 0: any free one.")
    schedulers: CommaSeparatedList = Field(
        ("127.0.0.1:7200",),
        validation_alias="TUTTI_SCHEDULERS",
        description="host:port of the schedulers, separated by commas, or one name that resolves to all of them.",
    )
    slots: int = Field(
        8, ge=1, le=4096, validation_alias="WORKER_CONCURRENCY", description="Attempts that run at the same time."
    )
    labels: CommaSeparatedList = Field(
        (),
        validation_alias="TUTTI_WORKER_LABELS",
        description="key=value pairs, separated by commas, that jobs can ask for.",
    )
    cpu: OptionalNumber = Field(
        None,
        validation_alias="TUTTI_WORKER_CPU",
        description="Cores that jobs can ask this worker for. Empty: those of the machine.",
    )
    memory_bytes: OptionalCount = Field(
        None,
        validation_alias="TUTTI_WORKER_MEMORY_BYTES",
        description="Main memory, likewise, in bytes. Empty: that of the machine.",
    )
    gpus: OptionalCount = Field(
        None,
        validation_alias="TUTTI_WORKER_GPUS",
        description="GPUs, likewise. Empty: those that nvidia-smi or the driver tells of.",
    )
    gpu_memory_bytes: OptionalCount = Field(
        None,
        validation_alias="TUTTI_WORKER_GPU_MEMORY_BYTES",
        description="Memory of each GPU in bytes. Empty: what nvidia-smi says of the smallest.",
    )
    log_burst: int = Field(
        200, ge=1, validation_alias="TUTTI_LOG_BURST", description="Log lines that an attempt may record at once."
    )
    log_lines_per_second: float = Field(
        50.0,
        gt=0,
        validation_alias="TUTTI_LOG_LINES_PER_SECOND",
        description="Log lines a second that an attempt may record in the long run; further ones are counted only.",
    )
    work_dir: Path = Field(
        Path("/tmp/tutti"),  # noqa: S108  private directories are made inside
        validation_alias="TUTTI_WORK_DIR",
        description="Directory for the scratch files of running attempts.",
    )
