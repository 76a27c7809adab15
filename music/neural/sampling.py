"""How freely a model draws: read from what the request asked for, as the plan has kept it."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from music import fields
from music.neural.resolved import path_of, value_of
from music.plan import Plan

MOST_GUIDANCE = 20.0
MOST_TEMPERATURE = 2.0
MOST_TOP_K = 2_000

#: What a parameter of a plan is to a sampled model, when it was asked for: drawn by or gone on from, put into words, or
#: nothing at all, because no notes are played. What is not named is the same to every engine.
EXACT = ("guidance", "top_k", "top_p", "continue_from")
HINTS = ("bpm", "key", "time_signature", "genre", "mood", "energy", "instruments")
IGNORED = ("mode", "swing", "stems", "structure", "chords", "lyrics", "loop")


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


def heeded(plan: Plan, *, follows_tunes: bool) -> Plan:
    """The plan as one that a model will sample: it says of what was asked for what it is to the model."""
    said = {**dict.fromkeys(EXACT, "exact"), **dict.fromkeys(HINTS, "hint"), **dict.fromkeys(IGNORED, "ignored")}
    said["melody"] = "hint" if follows_tunes else "ignored"
    told = {
        name: {**entry, "honoured": said.get(name, entry["honoured"])}
        for name, entry in plan.resolved.items()
        if isinstance(entry, Mapping) and entry.get("honoured", "default") != "default"
    }
    return replace(plan, resolved={**plan.resolved, **told})


def _number(plan: Plan, name: str, usual: float, most: float) -> float:
    return fields.number(value_of(plan, name, usual), path_of(name), low=0, high=most)
