"""Music requests: what may be asked for, and the tasks that each model's work consists of."""

import jsonschema_rs

from services.orchestrator.plan.kinds import check_schema
from tutti import errors, structs
from tutti.v1 import job_pb2

LONGEST_NARRATIVE = 2_000
SHORTEST_SECONDS, LONGEST_SECONDS, DEFAULT_SECONDS = 1.0, 600.0, 30.0
LARGEST_SEED = 2**64 - 1

_OPTIONS = jsonschema_rs.validator_for(
    {
        "type": "object",
        "additionalProperties": False,
        "properties": {
            "bpm": {"type": "number", "minimum": 30, "maximum": 300},
            "key": {"type": "string", "pattern": "^[A-Ga-g][#b]?( ?(major|minor|maj|min|m))?$"},
            "time_signature": {"enum": [2, 3, 4, 6]},
            # A double holds whole numbers exactly up to 2^53 only; larger seeds travel as digits.
            "seed": {
                "anyOf": [
                    {"type": "integer", "minimum": 0, "maximum": 2**53},
                    {"type": "string", "pattern": "^[0-9]{1,20}$"},
                ]
            },
            "genre": {"type": "string", "maxLength": 64},
            "mood": {"type": "string", "maxLength": 64},
            "mode": {"enum": ["full", "lyrics-first", "melody-only"]},
        },
    }
)


def compile_music(request: job_pb2.MusicRequest) -> job_pb2.Plan:
    _check_narrative(request.narrative)
    seconds = _seconds(request)
    options = structs.to_dict(request.options)
    check_schema(_OPTIONS, options, where="options")
    if int(options.get("seed", 0)) > LARGEST_SEED:
        raise errors.InvalidInput(f"options.seed: must be at most {LARGEST_SEED}", field="options.seed")
    compose = job_pb2.PlannedTask(
        name="compose",
        kind="jen1.compose",
        input=structs.from_dict({"narrative": request.narrative, "duration": seconds, "options": options}),
    )
    match request.model:
        case "jen1":
            return job_pb2.Plan(tasks=[compose])
        case "muscgen":
            return job_pb2.Plan(tasks=[compose, _RENDER])
    shown = repr(request.model[:64]) if request.model else "nothing"
    raise errors.InvalidInput(
        f"model: {shown} is no model; use 'jen1' (composes a plan) or 'muscgen' (composes and renders audio)",
        field="model",
        reason="UNKNOWN_MODEL",
    )


#: jen1 resolves every option and writes it into the plan; muscgen needs nothing but that.
_RENDER = job_pb2.PlannedTask(
    name="render",
    kind="muscgen.render",
    needs=["compose"],
    input=structs.from_dict({"plan": "${compose.result.plan}"}),
)


def _check_narrative(narrative: str) -> None:
    if not narrative.strip():
        raise errors.InvalidInput("narrative: empty; say in words what to make", field="narrative")
    if len(narrative) > LONGEST_NARRATIVE:
        raise errors.InvalidInput(
            f"narrative: {len(narrative):,} characters; at most {LONGEST_NARRATIVE:,} are allowed, shorten it",
            field="narrative",
        )


def _seconds(request: job_pb2.MusicRequest) -> float:
    if not request.HasField("duration"):
        return DEFAULT_SECONDS
    seconds = request.duration.seconds + request.duration.nanos / 1e9
    if not SHORTEST_SECONDS <= seconds <= LONGEST_SECONDS:
        raise errors.InvalidInput(
            f"duration: {seconds:g} s; it must lie between {SHORTEST_SECONDS:g} and {LONGEST_SECONDS:g} seconds",
            field="duration",
        )
    return seconds
