"""How processes reach Redis: one place that opens connections, names scripts and translates errors."""

import asyncio
import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import hiredis
import redis.exceptions
from redis.asyncio import BlockingConnectionPool, Redis
from redis.asyncio import Connection as RedisConnection
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from tutti import errors

#: Commands that do not block on purpose are answered within so many seconds, or Redis counts as away.
ANSWER_SECONDS = 5.0
MOST_CONNECTIONS = 64


class _PackedConnection(RedisConnection):
    """Packs commands in C. redis-py does that for its blocking connections only; here it is a third of what a script
    call with hundreds of arguments costs."""

    def pack_command(self, *args: Any) -> list[bytes]:
        name, *rest = args
        words = name.split() if isinstance(name, str) else [name]
        return [hiredis.pack_command((*words, *rest))]


#: redis-py types every answer as "bytes or str or None, or an awaitable of that", whatever the connection decodes; the
#: adapters know what each command answers.
Connection = Any


def connect(url: str, *, blocking: bool = False) -> Connection:
    """A client on a pool of its own. `blocking` is for connections that wait on the server: they have no read timeout.

    Retries are the callers' business: they know which of their commands may be repeated."""
    pool = BlockingConnectionPool.from_url(
        url,
        max_connections=MOST_CONNECTIONS,
        timeout=ANSWER_SECONDS,
        socket_connect_timeout=ANSWER_SECONDS,
        socket_timeout=None if blocking else ANSWER_SECONDS,
        socket_keepalive=True,
        health_check_interval=0 if blocking else 15,
        retry=Retry(NoBackoff(), 0),
        # RESP2 answers have one shape for lists and maps in every version of the library and the server.
        protocol=2,
        connection_class=_PackedConnection,  # rediss:// and unix:// bring classes of their own
    )
    return Redis.from_pool(pool)


def scripts(client: Connection, directory: Path) -> dict[str, Any]:
    """The named scripts of a directory, callable with keys and args."""
    return {path.stem: client.register_script(path.read_bytes()) for path in sorted(directory.glob("*.lua"))}


@contextlib.contextmanager
def translated() -> Iterator[None]:
    """Raise our errors where the library would raise its own."""
    try:
        yield
        _honour_cancellation()
    except (redis.exceptions.ConnectionError, redis.exceptions.TimeoutError, OSError) as error:
        raise errors.Unavailable("Redis cannot be reached; retry in a moment", reason="REDIS_UNAVAILABLE") from error
    except redis.exceptions.BusyLoadingError as error:
        raise errors.Unavailable("Redis is loading its data; retry in a moment", reason="REDIS_LOADING") from error
    except redis.exceptions.ResponseError as error:
        # A script that may not write says so in its own words, not with the library's OutOfMemoryError.
        if "OOM" in str(error):
            raise errors.QuotaExceeded("Redis is full; nothing was accepted", reason="REDIS_FULL") from error
        raise


def _honour_cancellation() -> None:
    """Raise a cancellation that the library has swallowed.

    Seen as a watcher that went on after it was cancelled, once in a dozen tries. The likely cause, read and not proven:
    the library looks at a pooled connection under a timeout of zero, whose TimeoutError can take the place of a
    cancellation that comes in the same moment."""
    task = asyncio.current_task()
    if task is not None and task.cancelling():
        raise asyncio.CancelledError
