"""What a track sounds like while it is still being rendered: the sections of its stems, added up as they are finished.

A render says in its checkpoints how many sections of its stem are stored, and how loud the stem is; of a stem that is
rendered from a part of a plan, the composer's result says how far its fader is up. Whoever plays the job, the gateway
for browsers and the command line for files, mixes what is there. It is a sketch: the loudness of the whole is not known
before the end, and the room, the compressors and the master are missing.
"""

import asyncio
import io
import struct
import wave
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from tutti import structs
from tutti.v1 import artifact_pb2, job_pb2, task_pb2

RENDER = "muscgen.render"
CHANNELS, BYTES_PER_SAMPLE = 2, 2
#: Samples that are mixed at a time, some 5 s: a section may be as long as the piece, and there may be many listeners.
BLOCK = 220_500
#: What goes over the knee bends, and never reaches full scale.
KNEE, CEILING = 0.6, 0.98
#: The header of a WAV file lies within its first bytes.
HEAD_BYTES = 4_096
#: In the header of a stream whose length nobody knows yet; players read on until it ends.
ENDLESS = 0xFFFF_FFFF - 36
_ENDED = frozenset(
    {
        task_pb2.TASK_STATE_SUCCEEDED,
        task_pb2.TASK_STATE_FAILED,
        task_pb2.TASK_STATE_CANCELLED,
        task_pb2.TASK_STATE_SKIPPED,
    }
)

Audio = npt.NDArray[np.float32]
#: The bytes of an artifact from one place up to another, or to its end.
Read = Callable[[artifact_pb2.Artifact, int, int], Awaitable[bytes]]


class Stem:
    """What is known of one render."""

    def __init__(self) -> None:
        self.sections: list[str] = []
        self.gain = 1.0
        #: The stem, where a fader of the composer's counts.
        self.part = ""
        self.ended = False
        #: As they were announced: only there they have an address.
        self._files: dict[str, artifact_pb2.Artifact] = {}

    def take(self, event: job_pb2.Event) -> None:
        match event.WhichOneof("what"):
            case "artifact":
                self._files[event.artifact.name] = event.artifact
            case "checkpoint":
                self.sections = [artifact.name for artifact in event.checkpoint.artifacts]
                note = structs.to_dict(event.checkpoint.note)
                self.gain, self.part = note.get("preview_gain", 0.0), note.get("part", "")
            case "task_moved":
                self.ended = event.task_moved.state in _ENDED
                if event.task_moved.cached:
                    # Done before, for another job: all of it is there at once, and nothing was said on the way.
                    result = structs.to_dict(event.task_moved.result)
                    self.sections = [section["name"] for section in result["sections"]]
                    self.gain, self.part = result["preview_gain"], result.get("part", "")

    def file(self, section: int) -> artifact_pb2.Artifact | None:
        return self._files[self.sections[section]] if section < len(self.sections) else None

    def settled(self, section: int) -> bool:
        """Whether it is known what the stem plays in a section, if anything."""
        return self.ended or section < len(self.sections)


def renders(plan: Iterable[job_pb2.Task]) -> dict[str, Stem]:
    """The renders among a job's tasks, by name."""
    return {task.name: Stem() for task in plan if task.kind == RENDER}


async def preview(
    stems: dict[str, Stem], events: AsyncIterator[Sequence[job_pb2.Event]], read: Read
) -> AsyncIterator[bytes]:
    """A WAV file of 16 bits as it grows; `events` are those of the job from its beginning. Ends with the last section,
    or with the events, whichever comes first."""
    section, faders = 0, dict[str, float]()
    async for batch in events:
        for event in batch:
            if event.task in stems:
                stems[event.task].take(event)
            elif "faders" in event.task_moved.result.fields:
                faders |= structs.to_dict(event.task_moved.result)["faders"]
        while all(stem.settled(section) for stem in stems.values()):
            heard = [
                (stem.gain * faders.get(stem.part, 1.0), file)
                for stem in stems.values()
                if (file := stem.file(section)) is not None
            ]
            if not heard:
                return
            parts = await asyncio.gather(*(_opened(gain, file, read) for gain, file in heard))
            if section == 0:
                yield header(parts[0].rate)
            async for chunk in _mixed(parts, read):
                yield chunk
            section += 1


@dataclass(frozen=True, kw_only=True, slots=True)
class _Part:
    """A section of one stem, as a file."""

    gain: float
    artifact: artifact_pb2.Artifact
    rate: int
    #: Of a sample.
    width: int
    frames: int
    #: Where the samples begin, in bytes.
    begin: int

    async def read(self, start: int, count: int, read: Read) -> bytes:
        count = max(0, min(count, self.frames - start))
        size = CHANNELS * self.width
        begin = self.begin + start * size
        return await read(self.artifact, begin, begin + count * size) if count else b""


async def _opened(gain: float, artifact: artifact_pb2.Artifact, read: Read) -> _Part:
    head = io.BytesIO(await read(artifact, 0, min(HEAD_BYTES, artifact.size)))
    with wave.open(head) as file:
        return _Part(
            gain=gain,
            artifact=artifact,
            rate=file.getframerate(),
            width=file.getsampwidth(),
            frames=file.getnframes(),
            begin=head.tell(),
        )


async def _mixed(parts: Sequence[_Part], read: Read) -> AsyncIterator[bytes]:
    for start in range(0, max(part.frames for part in parts), BLOCK):
        contents = await asyncio.gather(*(part.read(start, BLOCK, read) for part in parts))
        # Off the event loop, which others share.
        yield await asyncio.to_thread(_sum, parts, contents)


def _sum(parts: Sequence[_Part], contents: Sequence[bytes]) -> bytes:
    mix = np.zeros((0, CHANNELS), dtype=np.float32)
    for part, content in zip(parts, contents, strict=True):
        # In the upper bytes of four, so that the sign is the number's.
        whole = np.zeros((len(content) // part.width, 4), dtype=np.uint8)
        whole[:, 4 - part.width :] = np.frombuffer(content, dtype=np.uint8).reshape(-1, part.width)
        samples = whole.view("<i4").reshape(-1, CHANNELS).astype(np.float32) * np.float32(part.gain / 2**31)
        if len(samples) > len(mix):
            mix = np.pad(mix, ((0, len(samples) - len(mix)), (0, 0)))
        mix[: len(samples)] += samples
    return _pcm(mix)


def _pcm(mix: Audio) -> bytes:
    over = np.maximum(np.abs(mix) - KNEE, 0.0)
    room = CEILING - KNEE
    bent = np.where(over > 0.0, np.copysign(KNEE + room * np.tanh(over / room), mix), mix)
    data: bytes = np.round(bent * 32767).astype("<i2").tobytes()
    return data


def header(rate: int, data_bytes: int = ENDLESS) -> bytes:
    """Of a WAV file of 16 bits."""
    frame = CHANNELS * BYTES_PER_SAMPLE
    form = struct.pack("<HHIIHH", 1, CHANNELS, rate, rate * frame, frame, 8 * BYTES_PER_SAMPLE)
    size = struct.pack("<I", data_bytes + 36)
    return b"RIFF" + size + b"WAVEfmt " + struct.pack("<I", 16) + form + b"data" + struct.pack("<I", data_bytes)
