"""What is heard while a track is rendered: the sum of the finished sections, as a WAV file that grows."""

import asyncio
import io
import wave
from collections.abc import AsyncIterator, Sequence
from contextlib import aclosing
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from music.mix import preview as original
from music.output import write_audio
from tutti import preview as module
from tutti import structs
from tutti.preview import Stem, preview, renders
from tutti.v1 import artifact_pb2, job_pb2, task_pb2

Audio = npt.NDArray[np.float32]
#: A step of 16 bits.
STEP = 1 / 32_768


class Job:
    """A job's event log and its stored sections, as a test writes them."""

    def __init__(self, *stems: str, directory: Path) -> None:
        self.tasks = [job_pb2.Task(name="compose", kind="jen1.compose")]
        self.tasks += [job_pb2.Task(name=f"render-{stem}", kind="muscgen.render") for stem in stems]
        self._events: asyncio.Queue[job_pb2.Event | None] = asyncio.Queue()
        self._stored: dict[str, list[artifact_pb2.Artifact]] = {stem: [] for stem in stems}
        self._files: dict[str, bytes] = {}
        self._directory = directory
        #: (key, start, end)
        self.asked: list[tuple[str, int, int]] = []

    def section(
        self,
        stem: str,
        audio: Audio,
        gain: float = 1.0,
        bits: int = 24,
        *,
        checkpoint: bool = True,
        part: str = "",
    ) -> None:
        path = self._directory / f"{stem}.{len(self._stored[stem]):03d}.wav"
        write_audio(path, audio, name="wav", source_rate=44_100, bits=bits)
        content = path.read_bytes()
        artifact = artifact_pb2.Artifact(name=path.name, key=f"job/{path.name}", size=len(content))
        self._files[artifact.key] = content
        self._stored[stem].append(artifact)
        addressed = artifact_pb2.Artifact()
        addressed.CopyFrom(artifact)
        addressed.url = f"http://store/{path.name}"
        self.say(stem, artifact=addressed)
        if checkpoint:
            note = structs.from_dict({"preview_gain": gain, **({"part": part} if part else {})})
            self.say(stem, checkpoint=task_pb2.Checkpoint(note=note, artifacts=self._stored[stem]))

    def ended(self, stem: str, state: task_pb2.TaskState.ValueType = task_pb2.TASK_STATE_SUCCEEDED) -> None:
        self.say(stem, task_moved=job_pb2.Event.TaskMoved(state=state))

    def say(self, stem: str, *, task: str = "", **what: object) -> None:
        self._events.put_nowait(job_pb2.Event(task=task or f"render-{stem}", **what))  # type: ignore[arg-type]

    def rest(self) -> None:
        self._events.put_nowait(None)

    async def events(self) -> AsyncIterator[Sequence[job_pb2.Event]]:
        while (event := await self._events.get()) is not None:
            yield [event]

    async def read(self, artifact: artifact_pb2.Artifact, start: int, end: int) -> bytes:
        assert artifact.url, "only what was announced has an address"
        self.asked.append((artifact.key, start, end))
        return self._files[artifact.key][start:end]

    def play(self) -> AsyncIterator[bytes]:
        return preview(renders(self.tasks), self.events(), self.read)

    async def heard(self) -> Audio:
        """All of it, once the job has come to rest."""
        self.rest()
        return samples(b"".join([chunk async for chunk in self.play()]))


def samples(content: bytes) -> Audio:
    with wave.open(io.BytesIO(content)) as file:
        assert (file.getnchannels(), file.getsampwidth(), file.getframerate()) == (2, 2, 44_100)
        data = np.frombuffer(content[44:], dtype="<i2").reshape(-1, 2)
    return (data.T / 32_767).astype(np.float32)


def noise(seed: int, count: int = 1_000, level: float = 0.2) -> Audio:
    return (level * np.random.default_rng(seed).uniform(-1, 1, (2, count))).astype(np.float32)


@pytest.fixture
def job(tmp_path: Path) -> Job:
    return Job("drums", "bass", directory=tmp_path)


async def test_the_sections_of_all_stems_are_added_up_at_their_gains(job: Job) -> None:
    first, second = [noise(1), noise(2, 700)], [noise(3), noise(4, 700)]
    for number in range(2):
        job.section("drums", first[number], gain=0.5)
        job.section("bass", second[number], gain=1.5)
    for stem in ("drums", "bass"):
        job.ended(stem)
    wanted = np.concatenate([0.5 * a + 1.5 * b for a, b in zip(first, second, strict=True)], axis=1)
    assert np.abs(await job.heard() - wanted).max() < STEP


async def test_a_stem_of_a_part_is_as_loud_as_the_composer_says_whoever_rendered_it(job: Job) -> None:
    faders = structs.from_dict({"faders": {"drums": 0.5, "bass": 2.0}})
    composed = job_pb2.Event.TaskMoved(state=task_pb2.TASK_STATE_SUCCEEDED, result=faders)
    job.say("drums", task="compose", task_moved=composed)
    job.section("drums", noise(1), gain=0.8, part="drums")
    job.ended("drums")
    # Of one that was rendered from a whole plan, the render has said all there is to say.
    job.section("bass", noise(2), gain=0.9)
    job.ended("bass")
    assert np.abs(await job.heard() - (0.5 * 0.8 * noise(1) + 0.9 * noise(2))).max() < STEP


async def test_it_is_heard_as_soon_as_all_stems_have_a_section_and_not_before(job: Job) -> None:
    async with aclosing(job.play()) as playing:  # type: ignore[type-var]
        job.section("drums", noise(1))
        job.section("drums", noise(2))
        nothing = asyncio.ensure_future(anext(playing))
        assert not (await asyncio.wait({nothing}, timeout=0.05))[0]
        job.section("bass", noise(3))
        begin = await asyncio.wait_for(nothing, 5)
        assert begin[:4] == b"RIFF"
        assert samples(begin + await asyncio.wait_for(anext(playing), 5)).shape == (2, 1_000)
        more = asyncio.ensure_future(anext(playing))
        assert not (await asyncio.wait({more}, timeout=0.05))[0]
        job.section("bass", noise(4, 300))
        assert len(await asyncio.wait_for(more, 5)) == 4 * 1_000
        job.rest()


async def test_a_stem_that_was_done_before_is_there_at_once(job: Job) -> None:
    job.section("drums", noise(1), checkpoint=False)
    job.section("drums", noise(2), checkpoint=False)
    sections = [{"name": "drums.000.wav"}, {"name": "drums.001.wav"}]
    result = structs.from_dict({"sections": sections, "preview_gain": 0.5})
    moved = job_pb2.Event.TaskMoved(state=task_pb2.TASK_STATE_SUCCEEDED, cached=True, result=result)
    job.say("drums", task_moved=moved)
    job.ended("bass")
    wanted = np.concatenate([0.5 * noise(1), 0.5 * noise(2)], axis=1)
    assert np.abs(await job.heard() - wanted).max() < STEP


async def test_a_stem_that_has_nothing_to_play_holds_nobody_up(job: Job) -> None:
    job.ended("bass")
    job.section("drums", noise(1))
    job.ended("drums")
    assert np.abs(await job.heard() - noise(1)).max() < STEP


async def test_a_stem_that_failed_is_missing_from_where_it_ended(job: Job) -> None:
    job.section("bass", noise(1))
    job.ended("bass", task_pb2.TASK_STATE_FAILED)
    job.section("drums", noise(2))
    job.section("drums", noise(3))
    heard = await job.heard()
    assert np.abs(heard[:, :1_000] - noise(1) - noise(2)).max() < STEP
    assert np.abs(heard[:, 1_000:] - noise(3)).max() < STEP


async def test_a_stem_that_is_tried_again_is_waited_for(job: Job) -> None:
    job.section("bass", noise(1))
    job.ended("bass", task_pb2.TASK_STATE_READY)
    job.section("drums", noise(2))
    job.section("drums", noise(3))
    assert (await job.heard()).shape == (2, 1_000)


async def test_nothing_is_heard_of_a_job_that_ended_before_its_first_section(job: Job) -> None:
    for stem in ("drums", "bass"):
        job.ended(stem, task_pb2.TASK_STATE_CANCELLED)
    job.rest()
    assert [chunk async for chunk in job.play()] == []


async def test_a_shorter_stem_ends_in_silence(job: Job) -> None:
    job.section("drums", noise(1, 1_000))
    job.section("bass", noise(2, 400))
    heard = await job.heard()
    assert np.abs(heard[:, :400] - noise(1)[:, :400] - noise(2, 400)).max() < STEP
    assert np.abs(heard[:, 400:] - noise(1)[:, 400:]).max() < STEP


async def test_tails_and_all_a_long_section_is_the_same_in_blocks(job: Job, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "BLOCK", 441)
    job.section("drums", noise(1, 5_001))
    job.section("bass", noise(2, 4_999))
    heard = await job.heard()
    wanted = noise(1, 5_001)
    wanted[:, :4_999] += noise(2, 4_999)
    assert np.abs(heard - wanted).max() < STEP
    # So little of a file is held at a time.
    assert max(end - start for _, start, end in job.asked) <= module.HEAD_BYTES
    assert len(job.asked) > 20


async def test_what_is_too_loud_bends_and_never_reaches_full_scale(job: Job) -> None:
    job.section("drums", noise(1, level=0.9), gain=3.0)
    job.section("bass", noise(2, level=0.9), gain=3.0)
    heard = await job.heard()
    assert 0.9 < np.abs(heard).max() < 0.99
    quiet = np.abs(3 * noise(1, level=0.9) + 3 * noise(2, level=0.9)) < module.KNEE
    wanted = 3 * noise(1, level=0.9) + 3 * noise(2, level=0.9)
    assert np.abs(heard[quiet] - wanted[quiet]).max() < STEP


async def test_sections_of_other_widths_are_read_too(job: Job) -> None:
    job.section("drums", noise(1), bits=16)
    job.section("bass", noise(2), bits=24)
    assert np.abs(await job.heard() - noise(1) - noise(2)).max() < 3 * STEP


def test_the_knee_is_that_of_the_mix() -> None:
    # What all share may not import `music`, so the curve is written down twice.
    assert module.KNEE == original.KNEE
    loud = noise(1, level=2.0)
    mixed = np.frombuffer(module._pcm(loud.T), dtype="<i2").reshape(-1, 2).T / 32_767
    assert np.abs(mixed - original._rounded(loud)).max() < STEP


def test_only_renders_are_listened_to() -> None:
    tasks = [job_pb2.Task(name="a", kind="muscgen.render"), job_pb2.Task(name="b", kind="mix.master")]
    assert list(renders(tasks)) == ["a"]


def test_a_stem_keeps_the_order_of_its_checkpoint_however_many_sections_there_are() -> None:
    stem, names = Stem(), [f"drums.{number:03d}.wav" for number in range(1_100)]
    artifacts = [artifact_pb2.Artifact(name=name) for name in names]
    for artifact in artifacts:
        stem.take(job_pb2.Event(artifact=artifact))
    stem.take(job_pb2.Event(checkpoint=task_pb2.Checkpoint(artifacts=artifacts)))
    assert [found.name for number in range(1_100) if (found := stem.file(number))] == names
    assert stem.file(1_100) is None
