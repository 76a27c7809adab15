"""`muscgen.render`: a stem of a plan becomes audio, section by section. Each section is stored as soon as it is whole,
can be played from then on, and is where a later attempt goes on."""

import asyncio
import time
from collections.abc import Mapping
from contextlib import aclosing
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from music import ENGINE
from music.plan import STEMS, Plan
from services.worker.handlers import stored
from services.worker.handlers.failures import as_task_failures
from services.worker.handlers.plans import plays_parts, read_plan
from services.worker.triton import ModelResponse, Triton
from tutti.artifacts import Artifact
from tutti.errors import Internal
from tutti.handlers import Context, Handler, JsonObject

if TYPE_CHECKING:
    from music.output import AudioWriter

KIND = "muscgen.render"
MODEL = "muscgen"
TIMEOUT = timedelta(minutes=30)
INPUT_SCHEMA: JsonObject = {
    "type": "object",
    "properties": {
        # A whole one, or what the stem's render depends on of it (`music.parts`).
        "plan": stored.SCHEMA,
        "stem": {"enum": list(STEMS)},
        "seed": {"type": "string", "pattern": "^[0-9]{1,20}$"},
        "sample_rate": {"enum": [44_100, 48_000]},
        # Of a recording, what an engine that listens is to go on from.
        "excerpt": {"anyOf": [stored.SCHEMA, {"type": "null"}]},
        "test_delay_seconds": {"type": "number", "minimum": 0, "maximum": 10},
    },
    "required": ["plan", "stem"],
    "additionalProperties": False,
}
#: What goes to the model as it came.
_FOR_MUSCGEN = ("seed", "test_delay_seconds")
DEFAULT_RATE = 44_100


def handler(triton: Triton) -> Handler:
    async def run(context: Context, input: JsonObject) -> JsonObject:
        began = time.monotonic()
        with as_task_failures():
            source, plan = await read_plan(context, input["plan"], field="plan")
            stem = input["stem"]
            done, mix_by = _resumed(context)
            # How loud the stem is in the preview, which is mixed by whoever plays it.
            gain = await asyncio.to_thread(_preview_gain, plan, stem)
            rate = input.get("sample_rate", DEFAULT_RATE)
            if stem in plan.stems and len(done) < len(plan.cuts(rate)[1]):
                request = {name: input[name] for name in _FOR_MUSCGEN if name in input}
                request |= {"plan": source, "stems": [stem], "sample_rate": rate, "first_section": len(done)}
                heard = await _heard(context, input.get("excerpt"), rate)
                render = _Render(triton, context, stem, {"preview_gain": gain, **_part_of(plan, stem)}, done)
                done = await render.run(request, heard)
                mix_by = render.mix_by
        sections = [stored.described(artifact) for artifact in done]
        seconds = round(time.monotonic() - began, 3)
        balance = {"preview_gain": 1.0, "mix_by": mix_by} if mix_by else {"preview_gain": gain, **_part_of(plan, stem)}
        return {"stem": stem, "sections": sections, "seconds": seconds, **balance}

    return Handler(
        kind=KIND,
        run=run,
        input_schema=INPUT_SCHEMA,
        models=(MODEL,),
        ready=triton.ready,
        close=triton.close,
        # The plan holds the seed. Of other engines than our own we do not know which weights they have.
        cache_version=ENGINE if plays_parts() else "",
        timeout=TIMEOUT,
    )


def section_name(stem: str, section: int) -> str:
    return f"{stem}.{section:03d}.wav"


def _resumed(context: Context) -> tuple[list[Artifact], str]:
    """Sections that an earlier attempt has finished, in order, and who made them, if they are the whole mix."""
    saved = context.resume_from
    return (list(saved.artifacts), str(saved.note.get("mix_by", ""))) if saved is not None else ([], "")


def _part_of(plan: Plan, stem: str) -> dict[str, str]:
    """What is rendered from a part: its gain wants the composer's fader as well."""
    return {"part": stem} if plan.leads is not None else {}


async def _heard(context: Context, excerpt: Mapping[str, Any] | None, rate: int) -> dict[str, Any]:
    """The tensors besides the request."""
    if excerpt is None:
        return {}
    local = context.workdir / "excerpt.wav"
    await context.read(stored.artifact_of(excerpt), local)
    return {"EXCERPT": await asyncio.to_thread(_audio, local, rate)}


def _audio(path: Path, rate: int) -> Any:
    # Imported on a thread, with the first recording: see the package `sound`.
    from services.worker.handlers.sound import listening

    return listening.read(path, "excerpt", rate)[0]


def _preview_gain(plan: Plan, stem: str) -> float:
    # Imported on a thread, with the first render: see the package `sound`.
    from music.mix.preview import preview_gain

    return preview_gain(plan, stem)


def _opened(path: Path, rate: int) -> "AudioWriter":
    from music.output import AudioWriter

    return AudioWriter(path, name="wav", source_rate=rate)


class _Render:
    """Takes the model's pieces of one stem and keeps them by section."""

    def __init__(
        self, triton: Triton, context: Context, stem: str, balance: Mapping[str, Any], done: list[Artifact]
    ) -> None:
        self._triton, self._context, self._stem = triton, context, stem
        #: How loud it is in the preview.
        self._balance = balance
        self._done = list(done)
        #: The engine, when it plays the whole mix under the name of this stem; else empty.
        self.mix_by = ""
        self._file: AudioWriter | None = None

    async def run(self, request: Mapping[str, Any], heard: Mapping[str, Any]) -> list[Artifact]:
        fraction = 0.0
        responses = self._triton.stream(
            MODEL,
            request,
            request_id=self._context.request_id,
            traceparent=self._context.traceparent,
            timeout=TIMEOUT.total_seconds(),
            arrays=heard,
        )
        async with aclosing(responses):
            async for response in responses:
                fraction = await self._take(response)
        if fraction < 1.0 or self._file is not None:
            raise Internal(f"{MODEL} ended its stream at {fraction:.0%} of the {self._stem}.")
        return self._done

    async def _take(self, response: ModelResponse) -> float:
        header = response.header
        if response.audio is None:
            # How far it is with what is heard next; or at the end, when another stem plays the whole mix, that it is.
            await self._context.progress(float(header["fraction"]), str(header["stage"]))
            return float(header["fraction"])
        if header["section"] != len(self._done):
            raise Internal(f"{MODEL} sent section {header['section']} where {len(self._done)} was due.")
        self.mix_by = str(header["engine"]) if header.get("whole") else ""
        if self._file is None:
            path = self._context.workdir / section_name(self._stem, header["section"])
            self._file = await asyncio.to_thread(_opened, path, int(header["sample_rate"]))
        await asyncio.to_thread(self._file.write, response.audio)
        if header["last_of_section"]:
            await self._keep(self._file)
            self._file = None
        await self._context.progress(float(header["fraction"]), str(header["section_name"]))
        return float(header["fraction"])

    async def _keep(self, file: "AudioWriter") -> None:
        await asyncio.to_thread(file.close)
        self._done.append(await self._context.artifact(file.path.name, file.path, type="audio/wav"))
        # A mix needs no balance.
        balance = {"preview_gain": 1.0, "mix_by": self.mix_by} if self.mix_by else self._balance
        await self._context.checkpoint({"sections": len(self._done), **balance}, tuple(self._done))
