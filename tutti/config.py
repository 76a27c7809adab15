"""How every process reads its configuration: once, at the start, from the environment, into a frozen object.

Each service has one settings class built on `ServiceSettings`; each field names its variable, its unit and its meaning,
and `.env.example` and docs/configuration.md are checked against them. Besides these, the built-in handlers read where
their models are, and the command line where its mesh is; docs/configuration.md lists those too.
"""

import os
import socket
import sys
from typing import Annotated, TypeVar

from pydantic import BeforeValidator, Field, NonNegativeInt, PositiveFloat, ValidationError, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from tutti import errors, redis_urls

Port = Annotated[int, Field(ge=0, le=65535)]


def _split(value: object) -> object:
    return tuple(part.strip() for part in value.split(",") if part.strip()) if isinstance(value, str) else value


def _split_pairs(value: object) -> object:
    if not isinstance(value, str):
        return value
    pairs = [part.strip().rpartition("=") for part in value.split(",") if part.strip()]
    for name, _, number in pairs:
        if not name or not number:
            raise ValueError("use name=number, separated by commas")
    return {name.strip(): number.strip() for name, _, number in pairs}


def _empty_is_absent(value: object) -> object:
    return None if value == "" else value


#: Separated by commas in the environment, a tuple in the code.
CommaSeparatedList = Annotated[tuple[str, ...], NoDecode, BeforeValidator(_split)]
#: Pairs `name=number`, separated by commas.
NumberByName = Annotated[dict[str, PositiveFloat], NoDecode, BeforeValidator(_split_pairs)]
CountByName = Annotated[dict[str, NonNegativeInt], NoDecode, BeforeValidator(_split_pairs)]
#: Empty in the environment: not said.
OptionalNumber = Annotated[float | None, Field(ge=0), BeforeValidator(_empty_is_absent)]
OptionalCount = Annotated[int | None, Field(ge=0), BeforeValidator(_empty_is_absent)]

S = TypeVar("S", bound=BaseSettings)


class ServiceSettings(BaseSettings):
    model_config = SettingsConfigDict(frozen=True, extra="ignore", populate_by_name=True, case_sensitive=True)

    redis_url: str = Field(
        "redis://127.0.0.1:6379/0",
        validation_alias="REDIS_URL",
        description="Where Redis listens: redis://host:port/db, or rediss:// over TLS; "
        "redis+cluster://host:port,host:port for a cluster, redis+sentinel://host:port,host:port/service for a master "
        "behind Sentinels (rediss+… over TLS). User and password: redis://user:password@host:port.",
    )

    @field_validator("redis_url")
    @classmethod
    def _understood(cls, url: str) -> str:
        try:
            redis_urls.parse(url)
        except errors.InvalidInput as error:
            raise ValueError(error.message) from None
        return url

    metrics_port: Port = Field(
        0,
        validation_alias="TUTTI_METRICS_PORT",
        description="Port on which Prometheus metrics are served; 0 turns them off.",
    )
    bind_host: str = Field(
        "127.0.0.1",
        validation_alias="TUTTI_BIND_HOST",
        description="Interface that every listening port binds to. Containers want 0.0.0.0.",
    )
    grace_seconds: float = Field(
        10.0,
        ge=0,
        validation_alias="TUTTI_GRACE_SECONDS",
        description="Seconds that work in hand may take to finish after SIGTERM.",
    )
    log_level: str = Field(
        "INFO",
        pattern="^(DEBUG|INFO|WARNING|ERROR)$",
        validation_alias="LOG_LEVEL",
        description="DEBUG, INFO, WARNING or ERROR.",
    )
    log_file: str = Field(
        "",
        validation_alias="LOG_FILE",
        description="Also write the log to this file, rotated. Empty: standard error only.",
    )
    log_max_bytes: int = Field(
        5_242_880,
        ge=0,
        validation_alias="LOG_MAX_BYTES",
        description="Size in bytes at which the log file is rotated.",
    )
    log_backup_count: int = Field(
        5,
        ge=0,
        validation_alias="LOG_BACKUP_COUNT",
        description="Rotated log files that are kept.",
    )
    otlp_endpoint: str = Field(
        "",
        validation_alias="OTEL_EXPORTER_OTLP_ENDPOINT",
        description="OTLP/gRPC collector that takes the traces, such as http://collector:4317. Empty: none.",
    )


class GrpcSettings(ServiceSettings):
    """What the three gRPC services have in common."""

    instance: str = Field(
        "",
        max_length=100,
        validation_alias="TUTTI_INSTANCE",
        description="Name of this process, unique in the mesh. Empty: made from the host name and the process id.",
    )
    port: Port = Field(0, validation_alias="TUTTI_PORT", description="Port of the gRPC server; 0 takes any free one.")
    advertise: str = Field(
        "",
        validation_alias="TUTTI_ADVERTISE",
        description="host:port under which others reach this process. Empty: where it listens.",
    )


def load(settings: type[S]) -> S:
    """Read the environment, or stop the process with one clear line per mistake."""
    try:
        return settings()
    except ValidationError as error:
        for problem in error.errors():
            variable = ".".join(str(part) for part in problem["loc"])
            print(f"configuration: {variable}: {problem['msg']}", file=sys.stderr)  # noqa: T201  no log yet
        raise SystemExit(2) from None


def default_instance_name(prefix: str) -> str:
    """A name for this process that is unique in the mesh and still tells people where it runs."""
    return f"{prefix}-{socket.gethostname().split('.')[0]}-{os.getpid()}"
