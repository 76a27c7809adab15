"""A master behind a real Sentinel: when it dies, commands go to the replica that takes its place."""

import subprocess
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, asynccontextmanager, contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from tests.fixtures.stores import accept, new_job, open_store
from tests.fixtures.waiting import eventually_true
from tutti import errors, redis_client
from tutti.embedded import ports
from tutti.embedded.redis import find_redis

#: redis-py drops a connection that the server has cut without waiting for it to be closed.
pytestmark = pytest.mark.filterwarnings(
    "ignore:unclosed <StreamWriter:ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning"
)


@contextmanager
def server(directory: Path, *arguments: str) -> "Iterator[subprocess.Popen[bytes]]":
    directory.mkdir()
    argv = [str(find_redis().binary), *arguments]
    with (directory / "redis.log").open("wb") as log:
        process = subprocess.Popen(argv, stdout=log, stderr=subprocess.STDOUT, cwd=directory)
    try:
        yield process
    finally:
        process.kill()
        process.wait()


@asynccontextmanager
async def watched_over(directory: Path) -> "AsyncIterator[tuple[str, subprocess.Popen[bytes]]]":
    """A master with a replica and a Sentinel; yields the URL and the master's process."""
    master, replica, sentinel = ports.pick(3)
    common = ("--bind", ports.LOOPBACK, "--save", "", "--appendonly", "no", "--repl-diskless-sync-delay", "0")
    config = directory / "sentinel.conf"
    config.write_text(
        f"port {sentinel}\nbind {ports.LOOPBACK}\nsentinel monitor main {ports.LOOPBACK} {master} 1\n"
        "sentinel down-after-milliseconds main 500\nsentinel failover-timeout main 5000\n"
    )
    with ExitStack() as stack:
        process = stack.enter_context(server(directory / "master", "--port", str(master), *common))
        arguments = ("--port", str(replica), "--replicaof", ports.LOOPBACK, str(master), *common)
        stack.enter_context(server(directory / "replica", *arguments))
        await _until(f"redis://{ports.LOOPBACK}:{replica}", _follows)
        stack.enter_context(server(directory / "sentinel", str(config), "--sentinel"))
        await _until(f"redis://{ports.LOOPBACK}:{sentinel}", _knows_a_replica)
        yield f"redis+sentinel://{ports.LOOPBACK}:{sentinel}/main", process


async def test_when_the_master_dies_its_replica_is_used(tmp_path: Path) -> None:
    async with watched_over(tmp_path) as (url, master), open_store(url, partitions=4) as store:
        before = new_job(1)
        await accept(store, before)
        # What has not reached the replica would be lost with the master.
        (master_client,) = await redis_client.servers(store.redis)
        assert await master_client.execute_command("WAIT", 1, 5_000) == 1
        master.kill()
        with pytest.raises(errors.Unavailable):
            await store.get(before.record.job_id)

        async def taken_over() -> bool:
            with suppress(errors.Unavailable):
                await accept(store, new_job(1))
                return True
            return False

        await eventually_true(taken_over, what="the replica is the master", seconds=30)
        assert (await store.get(before.record.job_id)).record == before.record


async def test_a_service_that_no_sentinel_knows_is_unavailable(tmp_path: Path) -> None:
    async with watched_over(tmp_path) as (url, _):
        client = redis_client.connect(url.replace("/main", "/other"))
        try:
            with pytest.raises(errors.Unavailable), redis_client.translated():
                await client.get("k")
        finally:
            await client.aclose()


async def _until(url: str, ready: Any) -> None:
    client = redis_client.connect(url)

    async def answers() -> bool:
        with suppress(errors.Unavailable), redis_client.translated():
            return bool(await ready(client))
        return False

    try:
        await eventually_true(answers, what=url, seconds=30)
    finally:
        await client.aclose()


async def _follows(client: Any) -> bool:
    return bool((await client.info("replication")).get("master_link_status") == "up")


async def _knows_a_replica(client: Any) -> bool:
    found = await client.execute_command("SENTINEL", "SLAVES", "main")
    return bool(found)
