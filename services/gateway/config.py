"""The gateway's settings."""

from pydantic import Field

from tutti.config import CommaSeparatedList, Port, ServiceSettings


class GatewaySettings(ServiceSettings):
    instance: str = Field("gateway", validation_alias="TUTTI_INSTANCE", description="Name of this process in the logs.")
    port: Port = Field(7070, validation_alias="PORT", description="Port of the HTTP server; 0: any free one.")
    orchestrators: CommaSeparatedList = Field(
        ("127.0.0.1:7100",),
        validation_alias="TUTTI_ORCHESTRATORS",
        description="host:port of the orchestrators, separated by commas, or one name that resolves to all of them.",
    )
    max_body_bytes: int = Field(
        1_048_576,
        ge=1024,
        validation_alias="TUTTI_MAX_BODY_BYTES",
        description="Largest request body in bytes, but for that of a submission.",
    )
    max_job_bytes: int = Field(
        4_194_304,
        ge=1024,
        le=33_554_432,
        validation_alias="TUTTI_MAX_JOB_BYTES",
        description="Largest body of POST /jobs in bytes. It may hold an edited plan, of ten minutes some one to three "
        "million.",
    )
    upstream_timeout_seconds: float = Field(
        10.0,
        gt=0,
        validation_alias="TUTTI_UPSTREAM_TIMEOUT_SECONDS",
        description="Seconds for which a request waits for an orchestrator before it is answered 503.",
    )
    sse_heartbeat_seconds: float = Field(
        15.0,
        gt=0,
        validation_alias="TUTTI_SSE_HEARTBEAT_SECONDS",
        description="Seconds of silence on an event stream after which a comment keeps proxies from cutting it.",
    )
