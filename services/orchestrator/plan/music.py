"""Music requests: what may be asked for, and the tasks that each model's work consists of.

A track is parsed, composed, rendered stem by stem, mixed and finalized; muscgen and jen1 are parts of the same graph.
"""

from collections.abc import Sequence
from typing import Any

from google.protobuf import struct_pb2

from services.orchestrator.plan.music_options import STEMS, check_options
from tutti import errors, structs
from tutti.v1 import job_pb2

LONGEST_NARRATIVE = 2_000
SHORTEST_SECONDS, LONGEST_SECONDS, DEFAULT_SECONDS = 1.0, 600.0, 30.0
#: In bytes, as they are sent on. A melody of 5,000 notes has half of it.
LARGEST_OPTIONS = 1024 * 1024
#: What the mix is asked for; everything else is the composer's.
_OF_THE_MIX = ("bit_depth", "loudness_target", "true_peak", "strength")
#: Options that name a recording → the task that listens to it.
RECORDINGS = {"reference_url": "style", "continue_from": "ending"}
#: That task → what the manifest is told of the recording as.
SOURCES = {"style": "reference", "ending": "continued"}

#: The composer's, as later tasks refer to it.
PLAN = "${compose.result.plan}"
#: What of it a stem's render depends on.
PART = "${{compose.result.parts.{}}}"


def compile_music(request: job_pb2.MusicRequest) -> job_pb2.Plan:
    _check_narrative(request.narrative)
    seconds = _seconds(request)
    _check_size(request.options)
    options = structs.to_dict(request.options)
    check_options(options)
    _check_recordings(options, request.model)
    words = {"narrative": request.narrative, "duration": seconds, "options": options}
    match request.model:
        case "jen1":
            return job_pb2.Plan(tasks=[_task("compose", "jen1.compose", words)])
        case "muscgen":
            composing = {**words, "parts": _stems(options)}
            tasks = [_task("compose", "jen1.compose", composing), *_renders(options)]
            return job_pb2.Plan(tasks=[*tasks, _mix(options, tasks)])
        case "track":
            return job_pb2.Plan(tasks=_track(words, options))
    shown = repr(request.model[:64]) if request.model else "nothing"
    raise errors.InvalidInput(
        f"model: {shown} is no model; use 'jen1' (composes a plan), 'muscgen' (composes and renders audio) or 'track' "
        "(a mastered track with everything that belongs to it)",
        field="model",
        reason="UNKNOWN_MODEL",
    )


def _track(words: dict[str, Any], options: dict[str, Any]) -> list[job_pb2.PlannedTask]:
    """Later tasks take the words from what the first one stored, not from their own input: whatever a caller has
    written there must not be taken for a reference to a result."""
    request = {"request": "${parse.result.request}"}
    listening = [
        _task(RECORDINGS[option], "style.analyze", {"url": options[option], "option": option})
        for option in RECORDINGS
        if option in options
    ]
    heard = _names(listening)
    # What is continued is followed too, where nothing else is; and is what is gone on from, where there are both.
    followed = {"reference": f"${{{heard[0]}.result.style}}"} if heard else {}
    excerpt = {"excerpt": f"${{{heard[-1]}.result.excerpt}}"} if heard else {}
    tasks = [_task("parse", "prompt.parse", words), *listening]
    # The seed is drawn with the words where none was asked for; named here, it makes the plan one that can be kept.
    seed = {"options": {"seed": "${parse.result.seed}"}}
    composing = {**request, **seed, **followed, "parts": _stems(options)}
    tasks.append(_task("compose", "jen1.compose", composing, needs=_names(tasks)))
    tasks += _renders(options, needs=["compose", *heard], **excerpt)
    tasks.append(_mix(options, tasks, **followed))
    finalize = {
        **request,
        "composed": "${compose.result}",
        "mixed": "${mix.result}",
        "timings": {name: f"${{{name}.result.seconds}}" for name in _names(tasks)},
        "format": options.get("format", "mp3"),
        **{told: f"${{{name}.result.source}}" for name, told in SOURCES.items() if name in heard},
    }
    return [*tasks, _task("finalize", "track.finalize", finalize, needs=_names(tasks))]


def _stems(options: dict[str, Any]) -> list[str]:
    return [stem for stem in STEMS if stem in options.get("stems", STEMS)]


def _renders(options: dict[str, Any], needs: Sequence[str] = ("compose",), **excerpt: str) -> list[job_pb2.PlannedTask]:
    """A task for each stem, over as many workers as there are. jen1 resolves every option and writes it into the plan;
    a render needs nothing but its part of that, and is not done again where only other parts are new. Only an engine
    that listens needs an excerpt of a recording besides."""
    rate = {"sample_rate": options["sample_rate"]} if "sample_rate" in options else {}
    return [
        _task(f"render-{stem}", "muscgen.render", {"plan": PART.format(stem), "stem": stem, **rate, **excerpt}, needs)
        for stem in _stems(options)
    ]


def _mix(options: dict[str, Any], earlier: Sequence[job_pb2.PlannedTask], **followed: str) -> job_pb2.PlannedTask:
    stems = {task.input["stem"]: f"${{{task.name}.result}}" for task in earlier if task.kind == "muscgen.render"}
    asked = {name: options[name] for name in _OF_THE_MIX if name in options}
    return _task(
        "mix", "mix.master", {"plan": PLAN, "stems": stems, "options": asked, **followed}, needs=_names(earlier)
    )


def _names(tasks: Sequence[job_pb2.PlannedTask]) -> list[str]:
    return [task.name for task in tasks]


def _task(name: str, kind: str, input: dict[str, Any], needs: Sequence[str] = ()) -> job_pb2.PlannedTask:
    return job_pb2.PlannedTask(name=name, kind=kind, input=structs.from_dict(input), needs=needs)


def _check_narrative(narrative: str) -> None:
    if not narrative.strip():
        raise errors.InvalidInput("narrative: empty; say in words what to make", field="narrative")
    if len(narrative) > LONGEST_NARRATIVE:
        raise errors.InvalidInput(
            f"narrative: {len(narrative):,} characters; at most {LONGEST_NARRATIVE:,} are allowed, shorten it",
            field="narrative",
        )


def _check_recordings(options: dict[str, Any], model: str) -> None:
    for name in RECORDINGS:
        if name in options and model in ("jen1", "muscgen"):
            raise errors.InvalidInput(
                f"options.{name}: only model 'track' listens to recordings; use it, or leave this out",
                field=f"options.{name}",
            )


def _check_size(options: struct_pb2.Struct) -> None:
    """Without the plan that may be given, which is kept elsewhere."""
    fields = options.fields
    size = options.ByteSize() - (fields["plan"].ByteSize() if "plan" in fields else 0)
    if size > LARGEST_OPTIONS:
        raise errors.InvalidInput(
            f"options: {size:,} bytes; at most {LARGEST_OPTIONS:,} are allowed, shorten them", field="options"
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
