"""How freely a model draws: read from what the request asked for, as the plan has kept it."""

from dataclasses import dataclass, replace

from music import fields
from music.neural.resolved import path_of, value_of
from music.plan import Plan

MOST_GUIDANCE = 20.0
MOST_TEMPERATURE = 2.0
MOST_TOP_K = 2_000

#: Parameters without a meaning for our own engine.
SAMPLED = ("guidance", "top_k", "top_p")


@dataclass(frozen=True, kw_only=True, slots=True)
class Sampling:
    #: How much the words weigh; up to 1 not at all.
    guidance: float = 3.0
    #: 0 takes what is likeliest every time.
    temperature: float = 1.0
    #: Draw among so many; 0 for all.
    top_k: int = 250
    #: Draw among those that make up this share; 0 for all.
    top_p: float = 0.0


def sampling_of(plan: Plan) -> Sampling:
    usual = Sampling()
    return Sampling(
        guidance=_number(plan, "guidance", usual.guidance, MOST_GUIDANCE),
        temperature=_number(plan, "temperature", usual.temperature, MOST_TEMPERATURE),
        top_k=fields.integer(value_of(plan, "top_k", usual.top_k), path_of("top_k"), low=0, high=MOST_TOP_K),
        top_p=_number(plan, "top_p", usual.top_p, 1.0),
    )


def heeded(plan: Plan) -> Plan:
    """The plan as one that a model will sample: what it draws by is no longer said to be ignored."""
    exact = {name: {**plan.resolved[name], "honoured": "exact"} for name in SAMPLED if name in plan.resolved}
    return replace(plan, resolved={**plan.resolved, **exact})


def _number(plan: Plan, name: str, usual: float, most: float) -> float:
    return fields.number(value_of(plan, name, usual), path_of(name), low=0, high=most)
