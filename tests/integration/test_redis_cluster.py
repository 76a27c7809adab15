"""The client of a cluster on a real one: slots that move, nodes that die, scripts that a node does not know."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress
from typing import Any

import pytest

from services.orchestrator.store import keys
from tests.fixtures.redis_cluster import Node, RunningCluster, running_cluster
from tests.fixtures.stores import accept, new_job, open_store
from tests.fixtures.waiting import eventually_true
from tutti import errors, redis_client

SCRIPT = b"return {redis.call('INCR', KEYS[1]), KEYS[1]}"

#: redis-py drops a connection that the server has cut without waiting for it to be closed.
pytestmark = pytest.mark.filterwarnings(
    "ignore:unclosed <StreamWriter:ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning"
)


@pytest.fixture(scope="module")
def mortal(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningCluster]:
    """Whose nodes may be killed; each test leaves it whole."""
    with running_cluster(tmp_path_factory.mktemp("mortal"), durable=True) as cluster:
        yield cluster


@asynccontextmanager
async def connected(url: str, *, blocking: bool = False) -> AsyncIterator[Any]:
    client = redis_client.connect(url, blocking=blocking)
    try:
        yield client
    finally:
        await client.aclose()


def key_of(cluster: RunningCluster, node: Node) -> str:
    return next(key for key in (f"key-{n}" for n in range(1_000)) if cluster.holder(key) is node)


@asynccontextmanager
async def dead(cluster: RunningCluster, node: Node) -> AsyncIterator[None]:
    node.kill()
    try:
        yield
    finally:
        await asyncio.to_thread(node.start)
        await asyncio.to_thread(cluster.until_whole)


class TestRouting:
    async def test_each_key_is_found_on_its_node(self, cluster_url: str, redis_cluster: RunningCluster) -> None:
        async with connected(cluster_url) as client:
            for node in redis_cluster.nodes:
                key = key_of(redis_cluster, node)
                await client.set(key, "x")
                assert node.client.get(key) == b"x"

    async def test_one_node_is_enough_to_find_the_others(self, redis_cluster: RunningCluster) -> None:
        async with connected(f"redis+cluster://127.0.0.1:{redis_cluster.nodes[0].port}") as client:
            assert len(await client.masters()) == 3

    async def test_a_pipeline_answers_in_order_from_all_nodes(self, cluster_url: str) -> None:
        async with connected(cluster_url) as client:
            pipeline = client.pipeline(transaction=False)
            for n in range(50):
                pipeline.set(f"k{n}", n)
                pipeline.get(f"k{n}")
            answers = await pipeline.execute()
        assert answers[1::2] == [str(n).encode() for n in range(50)]

    async def test_an_error_in_a_pipeline_is_raised(self, cluster_url: str) -> None:
        async with connected(cluster_url) as client:
            pipeline = client.pipeline(transaction=False)
            pipeline.set("k", "not a number")
            pipeline.incr("k")
            with pytest.raises(Exception, match="not an integer"):
                await pipeline.execute()

    async def test_a_script_runs_on_nodes_that_do_not_know_it(
        self, cluster_url: str, redis_cluster: RunningCluster
    ) -> None:
        async with connected(cluster_url) as client:
            script = client.register_script(SCRIPT)
            for count in (1, 2):
                for node in redis_cluster.nodes:
                    key = key_of(redis_cluster, node)
                    assert await script(keys=[key]) == [count, key.encode()]
                    node.client.script_flush()

    async def test_a_server_that_is_no_cluster_says_so(self, redis_url: str) -> None:
        async with connected(redis_url.replace("redis://", "redis+cluster://").removesuffix("/0")) as client:
            with pytest.raises(errors.PreconditionFailed, match="not part of a cluster"), redis_client.translated():
                await client.get("k")


class TestMovingSlots:
    async def test_a_slot_is_followed_while_it_moves_and_after(
        self, cluster_url: str, redis_cluster: RunningCluster
    ) -> None:
        source, target, other = redis_cluster.nodes
        key = key_of(redis_cluster, source)
        async with connected(cluster_url) as client, connected(cluster_url) as late:
            script = client.register_script(SCRIPT)
            assert await client.get(key) is await late.get(key) is None
            redis_cluster.begin_move(key, source, target)
            try:
                # The source has no such key any more: the target is asked, with its permission.
                assert await script(keys=[key]) == [1, key.encode()]
                assert target.client.dbsize() == 1
                redis_cluster.finish_move(key, source, target)
                assert await script(keys=[key]) == [2, key.encode()]
                pipeline = late.pipeline(transaction=False)
                pipeline.get(key)
                pipeline.get(key_of(redis_cluster, other))
                assert await pipeline.execute() == [b"2", None]
            finally:
                target.client.flushall()
                redis_cluster.finish_move(key, source, target)
                redis_cluster.begin_move(key, target, source)
                redis_cluster.finish_move(key, target, source)
            assert await script(keys=[key]) == [1, key.encode()]

    async def test_the_keys_of_a_script_that_are_half_moved_are_unavailable(
        self, cluster_url: str, redis_cluster: RunningCluster, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("tutti.redis_cluster.TRY_AGAIN_SECONDS", 0.0)
        source, target, _ = redis_cluster.nodes
        key = key_of(redis_cluster, source)
        async with connected(cluster_url) as client:
            script = client.register_script(b"return redis.call('EXISTS', KEYS[1], KEYS[2])")
            await client.set(key, "stays")
            redis_cluster.begin_move(key, source, target)
            try:
                with pytest.raises(errors.Unavailable), redis_client.translated():
                    await script(keys=[key, f"{{{key}}}:other"])
            finally:
                redis_cluster.stay(key, source, target)
            assert await script(keys=[key, f"{{{key}}}:other"]) == 1


class TestDeadNodes:
    async def test_only_its_slots_are_away_until_it_is_back(self, mortal: RunningCluster) -> None:
        gone, *others = mortal.nodes
        async with connected(mortal.url) as client:
            for node in mortal.nodes:
                await client.set(key_of(mortal, node), "kept")
            async with dead(mortal, gone):
                with pytest.raises(errors.Unavailable), redis_client.translated():
                    await client.get(key_of(mortal, gone))
                for node in others:
                    assert await client.get(key_of(mortal, node)) == b"kept"

            async def back() -> bool:
                with suppress(errors.Unavailable), redis_client.translated():
                    return bool(await client.get(key_of(mortal, gone)) == b"kept")
                return False

            await eventually_true(back, what="its slots are served again")

    async def test_a_client_begins_while_a_node_is_away(self, mortal: RunningCluster) -> None:
        gone, other, _ = mortal.nodes
        async with dead(mortal, gone), connected(mortal.url) as client:
            assert await client.get(key_of(mortal, other)) in (None, b"kept")

    async def test_a_wait_at_one_node_holds_up_nobody_and_ends_with_it(self, mortal: RunningCluster) -> None:
        async with open_store(mortal.url, partitions=16) as store:
            gone = mortal.holder(keys.streams(3)[0])
            waiting = [asyncio.create_task(store.read_streams(p, "r1", 10, 2_000)) for p in range(16)]
            await accept(store, new_job(5))
            async with dead(mortal, gone):
                answers = await asyncio.gather(*waiting, return_exceptions=True)
            for partition, answer in enumerate(answers):
                if mortal.holder(keys.streams(partition)[0]) is gone:
                    assert isinstance(answer, errors.Unavailable)
                else:
                    assert isinstance(answer, list)
            mortal.empty()

    async def test_a_wait_at_a_node_that_hangs_is_given_up(
        self, mortal: RunningCluster, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        async with open_store(mortal.url, partitions=16) as store:
            await store.read_streams(0, "r1", 10)
            monkeypatch.setattr(redis_client, "ANSWER_SECONDS", 0.3)
            with mortal.holder(keys.streams(0)[0]).paused(), pytest.raises(errors.Unavailable):
                await store.read_streams(0, "r1", 10, 100)
        await asyncio.to_thread(mortal.until_whole)
        mortal.empty()


class TestChannels:
    async def test_what_is_published_at_one_node_is_heard_at_all(self, cluster_url: str) -> None:
        async with connected(cluster_url) as client, connected(cluster_url, blocking=True) as listener:
            servers = await listener.masters()
            channels = [server.pubsub() for server in servers]
            for channel in channels:
                await channel.subscribe("news")
                assert (await redis_client.heard(channel))["type"] == "subscribe"
            await client.publish("news", "x")
            for channel in channels:
                async with asyncio.timeout(10):
                    assert (await redis_client.heard(channel))["data"] == b"x"
                await channel.aclose()

    async def test_a_channel_that_is_silent_is_asked_and_a_dead_one_is_given_up(
        self, mortal: RunningCluster, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(redis_client, "SILENCE_SECONDS", 0.05)
        node = mortal.nodes[0]
        assert node.process is not None
        async with connected(f"redis://127.0.0.1:{node.port}", blocking=True) as client:
            channel = client.pubsub()
            await channel.subscribe("news")
            assert (await redis_client.heard(channel))["type"] == "subscribe"
            hearing = asyncio.create_task(redis_client.heard(channel))
            before = await pings(client)

            async def was_asked() -> bool:
                return await pings(client) > before + 3

            await eventually_true(was_asked, what="the channel is asked again and again")
            assert not hearing.done()
            await client.publish("news", "still there")
            assert (await hearing)["data"] == b"still there"
            monkeypatch.setattr(redis_client, "ANSWER_SECONDS", 0.5)
            with node.paused(), pytest.raises(errors.Unavailable), redis_client.translated():
                await redis_client.heard(channel)
            await channel.aclose()
        await asyncio.to_thread(mortal.until_whole)


async def pings(client: Any) -> int:
    return int((await client.info("commandstats")).get("cmdstat_ping", {"calls": 0})["calls"])
