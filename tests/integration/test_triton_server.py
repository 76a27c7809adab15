"""What becomes of streams to a Triton that is not there, dies or leaves."""

import asyncio
from contextlib import aclosing
from pathlib import Path

import pytest

from services.worker.triton import Triton
from tests.fixtures.models import collect, plan_of
from tests.fixtures.triton import free_ports, running_triton
from tutti.embedded import triton as launch
from tutti.errors import DeadlineExceeded, Unavailable


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
