"""The connection that commands to one Redis share: each gets its own answer, whatever becomes of the others."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import redis.exceptions

from tests.fixtures import tls
from tests.fixtures.waiting import eventually_true
from tutti import redis_client
from tutti.redis_line import LineClient

MANY = 200


@pytest.fixture
async def line(redis_url: str) -> AsyncIterator[Any]:
    client = redis_client.connect(redis_url)
    assert isinstance(client, LineClient)
    yield client
    await client.aclose()


async def _connections(client: Any) -> int:
    return len([each for each in await client.client_list() if each["name"] == ""])


async def test_commands_at_once_share_a_connection_and_get_their_own_answers(line: Any) -> None:
    before = await _connections(line)
    answers = await asyncio.gather(*(line.execute_command("ECHO", str(number)) for number in range(MANY)))

    assert answers == [str(number).encode() for number in range(MANY)]
    assert await _connections(line) == before


async def test_answers_have_the_shapes_that_the_library_gives_them(line: Any) -> None:
    await line.hset("h", mapping={"a": 1, "b": 2})

    assert await line.hgetall("h") == {b"a": b"1", b"b": b"2"}
    assert await line.set("k", "v", nx=True) is True
    assert await line.set("k", "v", nx=True) is None


async def test_an_error_is_raised_for_its_own_command_only(line: Any) -> None:
    await line.set("text", "x")
    answers = await asyncio.gather(line.hgetall("text"), line.get("text"), return_exceptions=True)

    assert isinstance(answers[0], redis.exceptions.ResponseError)
    assert answers[1] == b"x"


async def test_a_command_that_was_given_up_leaves_the_others_their_answers(line: Any) -> None:
    await line.ping()
    given_up = asyncio.create_task(line.execute_command("ECHO", "first"))
    kept = asyncio.create_task(line.execute_command("ECHO", "second"))
    await asyncio.sleep(0)
    given_up.cancel()

    assert await kept == b"second"
    with pytest.raises(asyncio.CancelledError):
        await given_up


async def test_a_pipeline_is_answered_in_order_and_raises_its_first_error(line: Any) -> None:
    async with line.pipeline(transaction=False) as pipeline:
        pipeline.set("a", "1")
        pipeline.get("a")
        assert await pipeline.execute() == [True, b"1"]
        pipeline.hgetall("a")
        pipeline.get("a")
        with pytest.raises(redis.exceptions.ResponseError):
            await pipeline.execute()
        pipeline.hgetall("a")
        pipeline.get("a")
        answers = await pipeline.execute(raise_on_error=False)
    assert isinstance(answers[0], redis.exceptions.ResponseError)
    assert answers[1] == b"1"


async def test_what_waits_when_the_connection_breaks_fails_and_the_next_command_connects_anew(
    line: Any, redis_url: str
) -> None:
    other = redis_client.connect(redis_url)
    await other.client_pause(2_000)
    waiting = asyncio.create_task(line.get("k"))
    await asyncio.sleep(0)
    await other.client_kill_filter(_type="normal", skipme=True)

    with pytest.raises(redis.exceptions.ConnectionError):
        await waiting
    await other.client_unpause()
    await other.aclose()
    assert await line.set("k", "again") is True


async def test_a_server_that_does_not_answer_in_time_is_left(redis_url: str) -> None:
    client = LineClient(redis_client._pool(redis_url, blocking=False), answer_seconds=0.2)
    await client.ping()
    await client.client_pause(700)

    with pytest.raises(redis.exceptions.TimeoutError):
        await client.get("k")

    async def answers() -> bool:
        try:
            return await client.ping() is True
        except (redis.exceptions.ConnectionError, redis.exceptions.TimeoutError):
            return False

    await eventually_true(answers, what="it answers over a new connection")
    await client.aclose()


async def test_it_logs_in_and_takes_the_database_that_the_url_names(redis_url: str) -> None:
    admin = redis_client.connect(redis_url)
    await admin.execute_command("ACL", "SETUSER", "singer", "on", ">pass", "~*", "+@all")
    address = redis_url.removeprefix("redis://").partition("/")[0]
    client = redis_client.connect(f"redis://singer:pass@{address}/3")

    assert await client.execute_command("ACL", "WHOAMI") == b"singer"
    await client.set("here", "1")
    assert await admin.get("here") is None

    stranger = redis_client.connect(f"redis://singer:wrong@{address}/3")
    with pytest.raises(redis.exceptions.AuthenticationError):
        await stranger.ping()
    for each in (client, stranger):
        await each.aclose()
    await admin.execute_command("ACL", "DELUSER", "singer")
    await admin.aclose()


async def test_it_speaks_tls_and_only_with_a_server_that_it_trusts(redis_url: str, tmp_path: Path) -> None:
    server = redis_url.removeprefix("redis://").partition("/")[0]
    made = tls.certificate(tmp_path)
    async with tls.door(server, made) as address:
        trusting = redis_client.connect(f"rediss://{address}/0?ssl_ca_certs={made.public}")
        blocking = redis_client.connect(f"rediss://{address}/0?ssl_ca_certs={made.public}", blocking=True)
        wary = redis_client.connect(f"rediss://{address}/0")
        plain = redis_client.connect(f"redis://{address}/0")

        await trusting.set("over", "tls" * 100_000)
        assert await trusting.get("over") == b"tls" * 100_000
        assert await asyncio.gather(*(trusting.incr("n") for _ in range(MANY))) == list(range(1, MANY + 1))
        await trusting.rpush("list", "a")
        assert await blocking.blpop("list", 5) == (b"list", b"a")
        for refused in (wary, plain):
            with pytest.raises((redis.exceptions.ConnectionError, redis.exceptions.TimeoutError)):
                await refused.ping()

        for each in (trusting, blocking, wary, plain):
            await each.aclose()
