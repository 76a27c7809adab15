"""The orchestrator's settings."""

from pydantic import Field

from tutti import redis_urls
from tutti.config import CommaSeparatedList, GrpcSettings, Port

CLUSTER_PARTITIONS = 16


class OrchestratorSettings(GrpcSettings):
    port: Port = Field(7100, validation_alias="TUTTI_PORT", description="Port of the gRPC server; 0: any free one.")
    schedulers: CommaSeparatedList = Field(
        ("127.0.0.1:7200",),
        validation_alias="TUTTI_SCHEDULERS",
        description="host:port of the schedulers, separated by commas, or one name that resolves to all of them.",
    )
    partitions: int = Field(
        0,
        ge=0,
        le=256,
        validation_alias="TUTTI_PARTITIONS",
        description="Partitions of the job store; 0: 16 on a Redis Cluster, over whose nodes they spread, else 1. "
        "Counts only at the very first start; recorded in Redis from then on.",
    )
    lease_seconds: float = Field(
        5.0,
        gt=0.2,
        validation_alias="TUTTI_LEASE_SECONDS",
        description="Seconds after which the jobs of a replica that went silent are taken over.",
    )
    retention_seconds: int = Field(
        7 * 24 * 3600,
        ge=1,
        validation_alias="TUTTI_RETENTION_SECONDS",
        description="Seconds for which a finished job and its events can still be read.",
    )
    dead_retention_seconds: int = Field(
        30 * 24 * 3600,
        ge=1,
        validation_alias="TUTTI_DEAD_RETENTION_SECONDS",
        description="Seconds for which a failed job stays on its owner's list of dead letters and can be run again.",
    )
    owner_max_jobs: int = Field(
        100_000,
        ge=0,
        validation_alias="TUTTI_OWNER_MAX_JOBS",
        description="Unfinished jobs that one owner may have; 0: any number. With several partitions it may be "
        "exceeded by what all replicas accept within a second.",
    )
    request_ttl_seconds: int = Field(
        24 * 3600,
        ge=1,
        validation_alias="TUTTI_REQUEST_TTL_SECONDS",
        description="Seconds for which a retried create returns the first answer.",
    )
    cache_ttl_seconds: int = Field(
        24 * 3600,
        ge=0,
        validation_alias="TUTTI_CACHE_TTL_SECONDS",
        description="Seconds for which the result of a task is given to equal ones, where its kind allows it; 0: every "
        "task is done.",
    )
    max_driven_jobs: int = Field(
        20_000,
        ge=1,
        validation_alias="TUTTI_MAX_DRIVEN_JOBS",
        description="Jobs that one replica drives at a time; the rest wait on the stream for a replica with room.",
    )

    @property
    def first_partitions(self) -> int:
        many = redis_urls.parse(self.redis_url)
        on_cluster = many is not None and many.kind == redis_urls.CLUSTER
        return self.partitions or (CLUSTER_PARTITIONS if on_cluster else 1)
