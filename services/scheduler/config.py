"""The scheduler's settings."""

from pydantic import Field

from tutti.config import GrpcSettings, Port


class SchedulerSettings(GrpcSettings):
    port: Port = Field(7200, validation_alias="TUTTI_PORT", description="Port of the gRPC server; 0: any free one.")
    leader_lease_seconds: float = Field(
        3.0,
        gt=0.2,
        validation_alias="TUTTI_LEADER_LEASE_SECONDS",
        description="Seconds after which a standby takes over from a leader that went silent.",
    )
    heartbeat_ttl_seconds: float = Field(
        6.0,
        gt=0.2,
        validation_alias="HEARTBEAT_TTL_SEC",
        description="Seconds without a heartbeat after which a worker is lost; workers beat three times as often.",
    )
    settle_seconds: float = Field(
        3.0,
        ge=0,
        validation_alias="TUTTI_SETTLE_SECONDS",
        description="Seconds that a new leader waits for workers to say what they run before placing recovered tasks.",
    )
