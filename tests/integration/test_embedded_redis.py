"""The real redis-server as the embedded mesh launches it: what it acknowledged survives that it is killed."""

import asyncio
import os
import signal
import subprocess
import tempfile
from collections.abc import AsyncIterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pytest
import redis.asyncio

from tutti.embedded import ports, probes
from tutti.embedded import redis as embedded_redis
from tutti.embedded.children import Child, Program
from tutti.embedded.processes import Group


@dataclass
class Running:
    child: Child
    url: str
    directory: Path

    async def config(self, name: str) -> str:
        async with redis.asyncio.from_url(self.url, decode_responses=True) as client:
            return str((await client.config_get(name))[name])


@pytest.fixture
async def running(tmp_path: Path) -> AsyncIterator[Running]:
    (port,) = ports.pick(1)
    url = f"redis://{ports.LOOPBACK}:{port}/0"
    program = Program(
        name="redis",
        argv=embedded_redis.command(embedded_redis.find_redis(), port=port, directory=tmp_path),
        env=os.environ,
        log_file=tmp_path / "redis.log",
        probe=partial(probes.until, partial(probes.redis_pong, url)),
        ports=(port,),
    )
    group = Group()
    child = Child(program, group, announce=lambda line: None, changed=lambda: None)
    try:
        async with asyncio.timeout(20):
            await child.started()
        yield Running(child=child, url=url, directory=tmp_path)
    finally:
        await child.stop(10)
        group.kill()
        await group.gone()


async def test_what_redis_acknowledged_is_there_after_it_was_killed(running: Running) -> None:
    async with redis.asyncio.from_url(running.url, decode_responses=True) as client:
        await client.set("promise", "kept")
    former = running.child.pid
    os.kill(former, signal.SIGKILL)
    async with asyncio.timeout(20):
        while running.child.pid == former or not running.child.healthy.is_set():  # noqa: ASYNC110  another process
            await asyncio.sleep(0.01)
    async with redis.asyncio.from_url(running.url, decode_responses=True) as client:
        assert await client.get("promise") == "kept"


async def test_redis_runs_with_the_settings_that_it_was_given(running: Running) -> None:
    assert await running.config("appendonly") == "yes"
    assert await running.config("appendfsync") == "always"
    assert await running.config("save") == ""
    assert await running.config("maxmemory-policy") == "noeviction"
    assert await running.config("bind") == ports.LOOPBACK
    assert await running.config("unixsocket") == ""
    assert Path(await running.config("dir")) == running.directory


async def test_a_redis_with_a_password_on_a_socket_in_the_file_system_will_do(tmp_path: Path) -> None:
    # Short: such a path may have a hundred characters.
    with tempfile.TemporaryDirectory() as directory:
        path = f"{directory}/s"
        options = ("--port", "0", "--unixsocket", path, "--dir", directory, "--save", "", "--requirepass", "secret")
        binary = embedded_redis.find_redis().binary
        process = await asyncio.create_subprocess_exec(binary, *options, stdout=subprocess.DEVNULL)
        try:
            async with asyncio.timeout(20):
                await probes.until(partial(probes.redis_pong, f"unix://:secret@{path}"))
            assert not await probes.redis_pong(f"unix://:wrong@{path}")
        finally:
            process.kill()
            await process.wait()
