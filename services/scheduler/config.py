"""The scheduler's settings."""

from pydantic import Field

from services.scheduler.placement import Policy
from tutti.config import CountByName, GrpcSettings, NumberByName, Port


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
    ageing_seconds: float = Field(
        60.0,
        ge=0,
        validation_alias="TUTTI_AGEING_SECONDS",
        description="Seconds of waiting that make a task count as one priority higher; 0: never.",
    )
    owner_weights: NumberByName = Field(
        {},
        validation_alias="TUTTI_OWNER_WEIGHTS",
        description="owner=share pairs, separated by commas, for owners who get more or less than others, who have 1.",
    )
    owner_limit: int = Field(
        0, ge=0, validation_alias="TUTTI_OWNER_LIMIT", description="Attempts of one owner at a time; 0: no limit."
    )
    owner_limits: CountByName = Field(
        {},
        validation_alias="TUTTI_OWNER_LIMITS",
        description="owner=limit pairs, separated by commas: exceptions from `TUTTI_OWNER_LIMIT`; 0: no limit.",
    )
    model_limits: CountByName = Field(
        {},
        validation_alias="TUTTI_MODEL_LIMITS",
        description="model=limit pairs, separated by commas: attempts at a time, over all workers, of kinds that need "
        "the model. 0: none at all. A model that is not named has no limit.",
    )

    def policy(self) -> Policy:
        return Policy(
            ageing_ms=int(self.ageing_seconds * 1000),
            owner_weights=self.owner_weights,
            owner_limit=self.owner_limit,
            owner_limits=self.owner_limits,
            model_limits=self.model_limits,
        )
