"""The models behind a real Triton, spoken to through the worker's adapter and its handlers."""

import asyncio
import hashlib
import json
import shutil
import time
import wave
from collections.abc import AsyncIterator
from contextlib import aclosing
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
import pytest_asyncio

from services.worker.handlers import builtin, compose, render
from services.worker.triton import ModelResponse, Triton
from tests.fixtures.triton import RunningTriton, free_ports, running_triton
from tutti.artifacts import Artifact
from tutti.embedded import triton as launch
from tutti.errors import DeadlineExceeded, InvalidInput, Unavailable
from tutti.handlers import SavedPoint, TaskFailure

TRACEPARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
IDLE_WITHIN_SECONDS = 1.0


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def server(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[RunningTriton]:
    async with running_triton(tmp_path_factory.mktemp("triton")) as running:
        yield running


@pytest.fixture
async def triton(server: RunningTriton) -> AsyncIterator[Triton]:
    adapter = Triton(f"grpc://{server.address}")
    yield adapter
    await adapter.close()


class LocalContext:
    """A handler's context that keeps artifacts in a directory and remembers what it was told."""

    job_id, task, attempt, owner = "job-1", "render", 1, "alice"
    request_id, traceparent = "req-context", TRACEPARENT
    resume_from: SavedPoint | None = None

    def __init__(self, directory: Path) -> None:
        self.workdir = directory / "work"
        self.workdir.mkdir(parents=True)
        self._store = directory / "store"
        self._store.mkdir()
        self.cancelled = asyncio.Event()
        self.fractions: list[float] = []
        self.started = asyncio.Event()

    async def progress(self, fraction: float, message: str = "") -> None:
        self.fractions.append(fraction)
        self.started.set()

    async def log(self, message: str, *, level: str = "INFO") -> None: ...

    async def checkpoint(self, note: Any, artifacts: tuple[Artifact, ...] = ()) -> None: ...

    async def artifact(self, name: str, source: Path | bytes, *, type: str) -> Artifact:
        content = source if isinstance(source, bytes) else source.read_bytes()
        (self._store / name).write_bytes(content)
        digest = hashlib.sha256(content).hexdigest()
        return Artifact(name=name, type=type, size=len(content), sha256=digest, key=name)

    async def read(self, artifact: Artifact, into: Path) -> None:
        shutil.copy(self._store / artifact.key, into)


async def collect(
    triton: Triton, model: str, request: dict[str, Any], *, request_id: str = "req-1", timeout: float = 60
) -> list[ModelResponse]:
    stream = triton.stream(model, request, request_id=request_id, traceparent=TRACEPARENT, timeout=timeout)
    async with aclosing(stream):
        return [response async for response in stream]


async def plan_of(triton: Triton, **request: Any) -> dict[str, Any]:
    plan = (await collect(triton, "jen1", {"seed": 7, **request}))[-1].plan
    assert plan is not None
    return plan


async def active_requests(server: RunningTriton, model: str) -> int:
    async with httpx.AsyncClient() as client:
        text = (await client.get(server.metrics_url)).text
    line = next(line for line in text.splitlines() if line.startswith(f"tutti_{model}_active_requests"))
    return int(float(line.split()[-1]))


async def until_idle(server: RunningTriton, model: str) -> float:
    """How long the model took to have nothing in hand."""
    started = time.monotonic()
    async with asyncio.timeout(10):
        while await active_requests(server, model):  # noqa: ASYNC110  metrics can only be asked
            await asyncio.sleep(0.005)
    return time.monotonic() - started


async def until_gone(pids: list[int]) -> None:
    async with asyncio.timeout(10):
        while any(is_running(pid) for pid in pids):  # noqa: ASYNC110  not our children: there is nothing to wait on
            await asyncio.sleep(0.05)


def is_running(pid: int) -> bool:
    """Whether it still runs; a process whose parent has not yet taken notice does not."""
    try:
        return "State:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    except FileNotFoundError:
        return False


async def log_lines(server: RunningTriton, request_id: str) -> list[dict[str, Any]]:
    """What the models wrote about a request; the log is written behind the response."""
    async with asyncio.timeout(5):
        while True:
            text = await asyncio.to_thread(server.log.read_text)
            lines = [line for line in text.splitlines() if f'\\"{request_id}\\"' in line]
            if lines:
                return [json.loads(line[line.index("{") : line.rindex("}") + 1].replace('\\"', '"')) for line in lines]
            await asyncio.sleep(0.01)


async def test_jen1_reports_its_stages_and_ends_with_the_plan(triton: Triton) -> None:
    responses = await collect(triton, "jen1", {"prompt": "sad lo-fi at 80 bpm in D minor", "duration": 20, "seed": 7})
    assert [r.header["sequence"] for r in responses] == list(range(len(responses)))
    assert [r.header["fraction"] for r in responses] == sorted(r.header["fraction"] for r in responses)
    assert [r.plan is None for r in responses] == [True] * (len(responses) - 1) + [False]
    plan = responses[-1].plan
    assert plan is not None
    assert (plan["bpm"], plan["key"], plan["duration_seconds"]) == (80, "D minor", 20)
    assert plan["resolved"]["bpm"] == {"value": 80, "honoured": "exact"}


async def test_muscgen_streams_the_whole_track_in_pieces(triton: Triton) -> None:
    responses = await collect(triton, "muscgen", {"plan": await plan_of(triton, duration=7.5)})
    assert len(responses) == 4
    audio = np.concatenate([r.audio for r in responses if r.audio is not None], axis=1)
    assert audio.shape == (2, round(7.5 * 44_100))
    assert audio.dtype == np.float32
    assert 0.1 < float(np.abs(audio).max()) < 0.9
    assert responses[-1].header["fraction"] == 1.0
    assert {r.header["stem"] for r in responses} == {"mix"}


async def test_the_same_request_gives_the_same_audio_twice(triton: Triton) -> None:
    plan = await plan_of(triton, duration=4)
    first, second = [await collect(triton, "muscgen", {"plan": plan, "sample_rate": 48_000}) for _ in range(2)]
    assert all(np.array_equal(a.audio, b.audio) for a, b in zip(first, second, strict=True))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("model", "request_", "field"),
    [
        ("jen1", {"duration": -1}, "duration"),
        ("jen1", {"duration": 601}, "duration"),
        ("jen1", {"bpm": 5000}, "bpm"),
        ("jen1", {"key": "H moll"}, "key"),
        ("jen1", {"tempo": 90}, "tempo"),
        ("muscgen", {}, "plan"),
        ("muscgen", {"plan": {"version": 1}}, "plan.tracks"),
        ("muscgen", {"plan": [], "seed": 1}, "plan"),
        ("muscgen", {"plan": {}, "volume": 11}, "volume"),
        ("muscgen", {"plan": {}, "sample_rate": 8000}, "sample_rate"),
    ],
)
async def test_a_bad_request_is_refused_by_field(
    triton: Triton, model: str, request_: dict[str, Any], field: str
) -> None:
    with pytest.raises(InvalidInput) as caught:
        await collect(triton, model, request_)
    assert caught.value.field == field


async def test_request_id_and_trace_are_in_tritons_log_once(triton: Triton, server: RunningTriton) -> None:
    await collect(triton, "jen1", {"seed": 1}, request_id="req-logged")
    (line,) = await log_lines(server, "req-logged")
    assert line["traceparent"] == TRACEPARENT
    assert line["outcome"] == "done"


@pytest.mark.parametrize("delay", [0.0, 2.0])
async def test_closing_the_stream_stops_the_model_and_the_next_job_is_normal(
    triton: Triton, server: RunningTriton, delay: float
) -> None:
    long = {**await plan_of(triton, duration=60), "duration_seconds": 600.0}
    request = {"plan": long, "test_delay_seconds": delay}
    stream = triton.stream("muscgen", request, request_id=f"req-cut-{delay}", traceparent="", timeout=60)
    async with aclosing(stream):
        await anext(stream)
    assert await until_idle(server, "muscgen") < IDLE_WITHIN_SECONDS
    (line,) = await log_lines(server, f"req-cut-{delay}")
    assert line["outcome"] == "cancelled"
    after = await collect(triton, "muscgen", {"plan": await plan_of(triton, duration=2)})
    assert after[-1].header["fraction"] == 1.0


async def test_cancelling_the_task_that_reads_stops_the_model(triton: Triton, server: RunningTriton) -> None:
    long = {**await plan_of(triton, duration=60), "duration_seconds": 600.0}
    seen = asyncio.Event()

    async def read() -> None:
        request = {"plan": long, "test_delay_seconds": 5}
        stream = triton.stream("muscgen", request, request_id="req-task", traceparent="", timeout=60)
        async with aclosing(stream):
            async for _ in stream:
                seen.set()

    task = asyncio.create_task(read(), name="reader")
    await asyncio.wait_for(seen.wait(), 10)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert await until_idle(server, "muscgen") < IDLE_WITHIN_SECONDS


async def test_five_tracks_at_once_all_move(triton: Triton) -> None:
    plan = await plan_of(triton, duration=30)
    arrivals: list[int] = []

    async def one(number: int) -> None:
        request = {"plan": plan, "seed": number}
        stream = triton.stream("muscgen", request, request_id=f"req-{number}", traceparent="", timeout=60)
        async with aclosing(stream):
            async for _ in stream:
                arrivals.append(number)  # noqa: PERF401  the order of arrival among all streams is the point

    async with asyncio.TaskGroup() as group:
        for number in range(5):
            group.create_task(one(number), name=f"track-{number}")
    # None starves: before the first of them ends, each has had at least a fifth of its pieces.
    first_end = min(max(i for i, n in enumerate(arrivals) if n == number) for number in range(5))
    assert all(arrivals[:first_end].count(number) >= 3 for number in range(5))


async def test_a_stream_past_its_deadline_says_so_and_frees_the_model(triton: Triton, server: RunningTriton) -> None:
    request = {"plan": await plan_of(triton, duration=30), "test_delay_seconds": 10}
    with pytest.raises(DeadlineExceeded):
        await collect(triton, "muscgen", request, timeout=0.5)
    assert await until_idle(server, "muscgen") < IDLE_WITHIN_SECONDS


async def test_models_are_ready_and_others_are_not(triton: Triton) -> None:
    assert await triton.ready("jen1")
    assert await triton.ready("muscgen")
    assert not await triton.ready("bark")
    with pytest.raises(Unavailable):
        await collect(triton, "bark", {})


async def test_without_a_server_nothing_is_ready_and_a_stream_is_unavailable() -> None:
    absent = Triton(f"127.0.0.1:{free_ports(1)[0]}")
    assert not await absent.ready("jen1")
    with pytest.raises(Unavailable):
        await collect(absent, "jen1", {})
    await absent.close()


async def test_a_server_that_dies_under_a_stream_makes_it_unavailable(tmp_path: Path) -> None:
    async with running_triton(tmp_path) as doomed:
        triton = Triton(doomed.address)
        request = {"plan": await plan_of(triton, duration=30), "test_delay_seconds": 10}
        stream = triton.stream("muscgen", request, request_id="req-doomed", traceparent="", timeout=60)
        async with aclosing(stream):
            await anext(stream)
            stubs = doomed.stubs()
            assert len(stubs) == 2
            doomed.process.kill()
            with pytest.raises(Unavailable):
                await anext(stream)
        assert not await triton.ready("muscgen")
        await triton.close()
        await until_gone(stubs)


async def test_a_server_that_is_asked_to_stop_exits_once_its_streams_are_closed(tmp_path: Path) -> None:
    async with running_triton(tmp_path) as leaving:
        triton = Triton(leaving.address)
        request = {"plan": await plan_of(triton, duration=30), "test_delay_seconds": 10}
        stream = triton.stream("muscgen", request, request_id="req-leaving", traceparent="", timeout=60)
        async with aclosing(stream):
            await anext(stream)
            leaving.process.terminate()
        assert await asyncio.to_thread(leaving.process.wait, 10) == 0
        await triton.close()


async def test_waiting_for_a_server_that_never_comes_ends_at_the_deadline() -> None:
    with pytest.raises(DeadlineExceeded):
        await launch.wait_ready(f"127.0.0.1:{free_ports(1)[0]}", 0.3)


async def test_the_handlers_turn_a_narrative_into_a_file(triton: Triton, tmp_path: Path) -> None:
    context = LocalContext(tmp_path)
    composed = await compose.handler(triton).run(
        context, {"narrative": "calm folk in G major", "duration": 6.0, "options": {"seed": 5.0, "bpm": 90.0}}
    )
    assert composed is not None
    assert (composed["bpm"], composed["key"], composed["seed"], composed["duration"]) == (90, "G major", "5", 6)
    rendered = await render.handler(triton).run(context, {"plan": composed["plan"]})
    assert rendered is not None
    with wave.open(str(tmp_path / "store" / "mix.wav")) as file:
        assert (file.getnchannels(), file.getsampwidth(), file.getframerate()) == (2, 2, 44_100)
        assert file.getnframes() == 6 * 44_100
    assert rendered["audio"]["type"] == "audio/wav"
    assert rendered["duration"] == 6.0
    assert -12 < rendered["peak_dbfs"] <= -1
    assert context.fractions[-1] == 1.0


async def test_a_bad_option_fails_the_attempt_for_good(triton: Triton, tmp_path: Path) -> None:
    with pytest.raises(TaskFailure) as caught:
        await compose.handler(triton).run(LocalContext(tmp_path), {"options": {"bpm": 5000}})
    assert not caught.value.retryable
    assert caught.value.message.startswith("bpm: ")


async def test_an_absent_triton_fails_the_attempt_for_now(tmp_path: Path) -> None:
    absent = Triton(f"127.0.0.1:{free_ports(1)[0]}")
    with pytest.raises(TaskFailure) as caught:
        await compose.handler(absent).run(LocalContext(tmp_path), {"narrative": "pop"})
    assert caught.value.retryable
    await absent.close()


async def test_a_cancelled_render_stops_the_model_and_stores_nothing(
    triton: Triton, server: RunningTriton, tmp_path: Path
) -> None:
    context = LocalContext(tmp_path)
    plan = await context.artifact(
        "plan.json", json.dumps(await plan_of(triton, duration=60)).encode(), type="application/json"
    )
    described = {"name": plan.name, "type": plan.type, "size": plan.size, "sha256": plan.sha256, "key": plan.key}

    async def attempt() -> None:
        await render.handler(triton).run(context, {"plan": described, "options": {"test_delay_seconds": 5.0}})

    running = asyncio.create_task(attempt(), name="render")
    await asyncio.wait_for(context.started.wait(), 10)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert await until_idle(server, "muscgen") < IDLE_WITHIN_SECONDS
    assert not (tmp_path / "store" / "mix.wav").exists()


def test_only_models_with_an_address_are_offered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TUTTI_TEST_HANDLERS", raising=False)
    monkeypatch.delenv("JEN1_URL", raising=False)
    monkeypatch.setenv("MUSCGEN_URL", "grpc://127.0.0.1:8001")
    assert [handler.kind for handler in builtin()] == ["muscgen.render"]
