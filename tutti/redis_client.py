"""How processes reach Redis: one place that opens connections, names scripts and translates errors."""

import asyncio
import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import redis.exceptions
from redis.asyncio import BlockingConnectionPool, Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from tutti import errors, redis_urls
from tutti.redis_cluster import Cluster, Watched
from tutti.redis_line import LineClient

#: Commands that do not block on purpose are answered within so many seconds, or Redis counts as away.
ANSWER_SECONDS = 5.0
#: Commands that are on their way to one server at a time; more wait for a connection.
MOST_CONNECTIONS = 64
#: Reads that wait at one server: a partition has one each, and each connection is a file that both ends hold open.
MOST_WAITING = 512
#: A channel that is silent for so long is asked whether it is still there.
SILENCE_SECONDS = 10.0


#: redis-py types every answer as "bytes or str or None, or an awaitable of that", whatever the connection decodes; the
#: adapters know what each command answers.
Connection = Any


def connect(url: str, *, blocking: bool = False) -> Connection:
    """A client on pools of its own: of one server, of a cluster, or of the master that Sentinels name. `blocking` is
    for connections that wait on the server: they have no read timeout, and there are enough for all.

    Retries are the callers' business: they know which of their commands may be repeated."""
    many = redis_urls.parse(url)
    if many is None:
        return _client(url, blocking)
    if many.kind == redis_urls.CLUSTER:
        return Cluster(many.addresses, lambda address: _client(many.of(address), blocking))
    return Watched(
        many.service,
        many.addresses,
        lambda sentinel: _client(many.of(sentinel, named=False), blocking=False),
        lambda master: _client(many.of(master), blocking),
    )


def _client(url: str, blocking: bool) -> Redis:
    """Of one server. What blocks needs a connection for each command; what does not shares one."""
    pool = _pool(url, blocking)
    return Redis.from_pool(pool) if blocking else LineClient(pool, answer_seconds=ANSWER_SECONDS)


def _pool(url: str, blocking: bool) -> BlockingConnectionPool:
    return BlockingConnectionPool.from_url(
        url,
        max_connections=MOST_WAITING if blocking else MOST_CONNECTIONS,
        timeout=ANSWER_SECONDS,
        socket_connect_timeout=ANSWER_SECONDS,
        socket_timeout=None if blocking else ANSWER_SECONDS,
        **({} if url.startswith("unix:") else {"socket_keepalive": True}),
        health_check_interval=0 if blocking else 15,
        retry=Retry(NoBackoff(), 0),
        # RESP2 answers have one shape for lists and maps in every version of the library and the server.
        protocol=2,
    )


async def servers(client: Connection) -> list[Connection]:
    """Clients of every server that holds keys behind a client, for commands that name none."""
    return await client.masters() if isinstance(client, Cluster) else [client]


def scripts(client: Connection, directory: Path) -> dict[str, Any]:
    """The named scripts of a directory, callable with keys and args."""
    return {path.stem: client.register_script(path.read_bytes()) for path in sorted(directory.glob("*.lua"))}


async def heard(channel: Any) -> dict[str, Any]:
    """The next message of a subscribed channel.

    Waiting on a connection says nothing of the other end: a server that hangs, or whose machine is gone, is silent like
    one on which nothing is published. So it is asked, and counts as away when it does not answer."""
    while True:
        message: dict[str, Any] | None = await channel.get_message(timeout=SILENCE_SECONDS)
        if message is None:
            await channel.ping()
            message = await channel.get_message(timeout=ANSWER_SECONDS)
        if message is None:
            raise redis.exceptions.ConnectionError("the channel does not answer")
        if message["type"] != "pong":
            return message


#: Of a cluster: slots that nobody holds now, that are on the move, or whose master has become a replica.
_AWAY = (
    redis.exceptions.ClusterError,
    redis.exceptions.AskError,
    redis.exceptions.TryAgainError,
    redis.exceptions.ReadOnlyError,
)
#: Answers that the library has no classes for: to a read that waited at a master which is a replica now; of a disk that
#: takes no writes; of too few replicas to promise anything.
_NOT_NOW = ("UNBLOCKED", "MISCONF", "NOREPLICAS")


@contextlib.contextmanager
def translated() -> Iterator[None]:
    """Raise our errors where the library would raise its own."""
    try:
        yield
        _honour_cancellation()
    except redis.exceptions.BusyLoadingError as error:
        # Before ConnectionError, of which it is one to the library.
        raise errors.Unavailable("Redis is loading its data; retry in a moment", reason="REDIS_LOADING") from error
    except (redis.exceptions.ConnectionError, redis.exceptions.TimeoutError, OSError) as error:
        raise errors.Unavailable("Redis cannot be reached; retry in a moment", reason="REDIS_UNAVAILABLE") from error
    except _AWAY as error:
        raise errors.Unavailable(
            "the part of Redis that holds this is away; retry in a moment", reason="REDIS_CLUSTER_DOWN"
        ) from error
    except RuntimeError as error:
        # What uvloop says, and the library does not catch, of a write to a connection that has just been closed.
        if "handler is closed" not in str(error):
            raise
        raise errors.Unavailable("Redis cannot be reached; retry in a moment", reason="REDIS_UNAVAILABLE") from error
    except redis.exceptions.ResponseError as error:
        # A script that may not write says so in its own words, not with the library's class.
        if isinstance(error, redis.exceptions.OutOfMemoryError) or "OOM" in str(error):
            raise errors.QuotaExceeded("Redis is full; nothing was accepted", reason="REDIS_FULL") from error
        if str(error).startswith(_NOT_NOW):
            raise errors.Unavailable(
                "Redis takes no writes now; retry in a moment", reason="REDIS_UNAVAILABLE"
            ) from error
        raise


def _honour_cancellation() -> None:
    """Raise a cancellation that the library has swallowed.

    Seen as a watcher that went on after it was cancelled, once in a dozen tries. The cause is not known: what was
    suspected first, a look at pooled connections under a timeout of zero, this version of the library does not do."""
    task = asyncio.current_task()
    if task is not None and task.cancelling():
        raise asyncio.CancelledError
