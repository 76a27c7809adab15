"""The gateway as a process: how it starts, what it refuses to start with, how it ends."""

import asyncio
import json
import os
import signal
import sys
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.fixtures.gateway import parse_events
from tests.fixtures.orchestrator import MemoryOrchestrator, serving

ROOT = Path(__file__).parents[2]


@asynccontextmanager
async def gateway_process(**variables: str) -> AsyncIterator[asyncio.subprocess.Process]:
    environment = {
        "PATH": os.environ["PATH"],
        "PORT": "0",
        "ARTIFACT_URL_SECRET": "0123456789abcdef",
        "TUTTI_GRACE_SECONDS": "3",
        **variables,
    }
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "services.gateway", cwd=ROOT, env=environment, stderr=asyncio.subprocess.PIPE
    )
    try:
        yield process
    finally:
        with ended(process):
            await process.wait()


@contextmanager
def ended(process: asyncio.subprocess.Process) -> Iterator[None]:
    if process.returncode is None:
        process.kill()
    yield


async def logged(process: asyncio.subprocess.Process, message: str) -> Mapping[str, Any]:
    """Read the log until it says this."""
    assert process.stderr is not None
    async with asyncio.timeout(20):
        async for line in process.stderr:
            entry: dict[str, Any] = json.loads(line)
            if entry["message"] == message:
                return entry
    raise AssertionError(f"the gateway ended without saying {message!r}")


async def stderr_of(process: asyncio.subprocess.Process) -> str:
    assert process.stderr is not None
    async with asyncio.timeout(20):
        text = (await process.stderr.read()).decode()
        await process.wait()
    return text


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_told_to_end_it_ends_its_streams_and_exits_with_zero(tmp_path: Path, number: signal.Signals) -> None:
    orchestrator = MemoryOrchestrator()
    async with (
        serving(orchestrator) as address,
        gateway_process(TUTTI_ORCHESTRATORS=address, ARTIFACT_DIR=str(tmp_path)) as process,
    ):
        where = (await logged(process, "serving"))["address"]
        async with httpx.AsyncClient(base_url=f"http://{where}") as http:
            job_id = (await http.post("/jobs", json={"narrative": "x"})).json()["jobId"]
            async with asyncio.timeout(5), http.stream("GET", f"/jobs/{job_id}/events") as answer:
                text = ""
                async for piece in answer.aiter_text():
                    text += piece
                    if len(parse_events(text)) == 2:
                        process.send_signal(number)
            # Reading to the regular end raised nothing: the stream was closed in good order, not cut.
            assert [event.name for event in parse_events(text)] == ["hello", "status"]
            async with asyncio.timeout(2.5):
                assert await process.wait() == 0
        assert "Traceback" not in await stderr_of(process)


async def test_a_setting_that_makes_no_sense_stops_the_start_with_a_clear_line() -> None:
    async with gateway_process(PORT="seventy") as process:
        said = await stderr_of(process)
    assert process.returncode == 2
    assert said.startswith("configuration: PORT: ")


async def test_without_a_secret_for_addresses_it_says_how_to_make_one(tmp_path: Path) -> None:
    async with gateway_process(ARTIFACT_URL_SECRET="", ARTIFACT_DIR=str(tmp_path)) as process:
        said = await stderr_of(process)
    assert process.returncode == 1
    assert "openssl rand -hex 32" in said
    assert "Traceback" not in said


async def test_a_port_that_is_taken_stops_the_start_with_a_clear_line(tmp_path: Path) -> None:
    async with gateway_process(ARTIFACT_DIR=str(tmp_path)) as first:
        port = (await logged(first, "serving"))["address"].rpartition(":")[2]
        async with gateway_process(ARTIFACT_DIR=str(tmp_path), PORT=port) as second:
            said = await stderr_of(second)
    assert second.returncode == 1
    assert f"cannot listen on 127.0.0.1:{port}" in said
    assert "Traceback" not in said
