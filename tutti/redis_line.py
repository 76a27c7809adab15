"""A client of one Redis server on which commands do not wait for each other: they share a connection, in order.

redis-py's asyncio client takes a connection from a pool for each command, and spends more time on that, on timers and
on records of its own than the command takes; calls of this mesh are few and large, or alone and waited for. So this is
a connection that writes what it is given at once and hands answers out as they come. Whatever else the library's client
does, such as channels and transactions, goes through its pool as ever.
"""

import asyncio
import socket
from collections import deque
from collections.abc import Iterable, Sequence
from typing import Any, cast

import hiredis
from redis.asyncio import BlockingConnectionPool, Redis
from redis.asyncio.connection import Connection, DefaultParser, SSLConnection, UnixDomainSocketConnection
from redis.commands import AsyncCoreCommands
from redis.exceptions import ConnectionError, TimeoutError

Command = tuple[tuple[Any, ...], dict[str, Any]]

#: redis-py types what its own clients bring along, and no answers.
_Commands: Any = AsyncCoreCommands
_MORE = object()


class _Wire(asyncio.Protocol):
    """One connection: commands go out as they come, and answers belong to them in the same order."""

    def __init__(self, answer_seconds: float) -> None:
        self._answer_seconds = answer_seconds
        self._reader = hiredis.Reader(replyError=DefaultParser.parse_error, notEnoughData=_MORE)
        self._transport: asyncio.Transport | None = None
        self._loop = asyncio.get_running_loop()
        #: What waits for an answer, with the time by which it must have come.
        self._waiting: deque[tuple[asyncio.Future[Any], float]] = deque()
        self._timer: asyncio.TimerHandle | None = None

    @property
    def open(self) -> bool:
        return self._transport is not None and not self._transport.is_closing()

    def send(self, commands: Iterable[Sequence[Any]]) -> "list[asyncio.Future[Any]]":
        if self._transport is None or self._transport.is_closing():
            raise ConnectionError("the connection to Redis is closed")
        packed = [hiredis.pack_command(tuple(command)) for command in commands]
        futures: list[asyncio.Future[Any]] = [self._loop.create_future() for _ in packed]
        due = self._loop.time() + self._answer_seconds
        self._waiting.extend((future, due) for future in futures)
        if self._timer is None:
            self._timer = self._loop.call_at(due, self._look_at_the_clock)
        self._transport.write(b"".join(packed))
        return futures

    def close(self) -> None:
        if self._transport is not None:
            self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        connection: socket.socket = transport.get_extra_info("socket")
        if connection.family != socket.AF_UNIX:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)

    def data_received(self, data: bytes) -> None:
        self._reader.feed(data)
        while (answer := self._reader.gets()) is not _MORE:
            future, _ = self._waiting.popleft()
            # Nobody waits any more for what was cancelled; its answer comes all the same.
            if not future.done():
                future.set_result(answer)

    def connection_lost(self, error: Exception | None) -> None:
        self._fail(ConnectionError(f"the connection to Redis broke: {error or 'it was closed'}"))

    def _fail(self, error: Exception) -> None:
        if self._timer is not None:
            self._timer.cancel()
        waiting, self._waiting = self._waiting, deque()
        for future, _ in waiting:
            if not future.done():
                future.set_exception(error)

    def _look_at_the_clock(self) -> None:
        # One timer for all: who has waited longest is first.
        self._timer = None
        if not self._waiting:
            return
        due = self._waiting[0][1]
        if due > self._loop.time():
            self._timer = self._loop.call_at(due, self._look_at_the_clock)
            return
        # Later answers could not be told from the one that is missing.
        self._fail(TimeoutError("Redis does not answer"))
        self.close()


class Line:
    """A connection that is made when it is first needed, and again after it broke."""

    def __init__(self, like: Connection, answer_seconds: float) -> None:
        #: Says where to and as whom; the library's own connection, which is never opened.
        self._like = like
        self._answer_seconds = answer_seconds
        self._wire: _Wire | None = None
        self._connecting = asyncio.Lock()

    async def ask(self, commands: Sequence[Sequence[Any]]) -> list[Any]:
        """The answers to commands that are sent together; errors that Redis answers with are answers here."""
        wire = self._wire
        if wire is None or not wire.open:
            wire = await self._connected()
        return await asyncio.gather(*wire.send(commands)) if len(commands) > 1 else [await wire.send(commands)[0]]

    def close(self) -> None:
        if self._wire is not None:
            self._wire.close()

    async def _connected(self) -> _Wire:
        async with self._connecting:
            if self._wire is None or not self._wire.open:
                try:
                    async with asyncio.timeout(self._answer_seconds):
                        self._wire = await self._connect()
                except OSError as error:  # asyncio's TimeoutError is one
                    raise ConnectionError(f"cannot connect to Redis: {error}") from error
            return self._wire

    async def _connect(self) -> _Wire:
        loop, like = asyncio.get_running_loop(), self._like
        if isinstance(like, UnixDomainSocketConnection):
            _, wire = await loop.create_unix_connection(lambda: _Wire(self._answer_seconds), like.path)
        else:
            tls = like.ssl_context.get() if isinstance(like, SSLConnection) else None
            _, wire = await loop.create_connection(lambda: _Wire(self._answer_seconds), like.host, like.port, ssl=tls)
        try:
            for greeting in _greetings(like):
                answer = await wire.send([greeting])[0]
                if isinstance(answer, Exception):
                    raise answer
        except BaseException:
            wire.close()
            raise
        return wire


class LineClient(Redis):
    """The library's client, but for single commands and plain pipelines."""

    def __init__(self, pool: BlockingConnectionPool, *, answer_seconds: float) -> None:
        super().__init__(connection_pool=pool)
        connection: Connection = pool.make_connection()  # type: ignore[no-untyped-call]  # the library's
        self._line = Line(connection, answer_seconds)

    async def execute_command(self, *args: Any, **options: Any) -> Any:
        (answer,) = await self._line.ask([_words(args)])
        return self._shaped(args[0], answer, options)

    def pipeline(self, transaction: bool = True, shard_hint: str | None = None) -> Any:
        return super().pipeline(transaction, shard_hint) if transaction else LinePipeline(self)

    async def ask_all(self, commands: Sequence[Command], *, raise_on_error: bool) -> list[Any]:
        answers = await self._line.ask([_words(args) for args, _ in commands])
        shaped = []
        for (args, options), answer in zip(commands, answers, strict=True):
            broken = isinstance(answer, Exception) and not raise_on_error
            shaped.append(answer if broken else self._shaped(args[0], answer, options))
        return shaped

    def _shaped(self, name: str, answer: Any, options: dict[str, Any]) -> Any:
        """An answer as the library's methods give it."""
        if isinstance(answer, Exception):
            raise answer
        options.pop("keys", None)
        shape = self.response_callbacks.get(name)
        return answer if shape is None else shape(answer, **options)

    async def aclose(self, close_connection_pool: bool | None = None) -> None:
        self._line.close()
        await super().aclose(True)


class LinePipeline(_Commands):  # type: ignore[misc]  # the base is Any
    """Commands that are sent together. Not atomic."""

    def __init__(self, client: LineClient) -> None:
        self._client = client
        self._commands: list[Command] = []

    def execute_command(self, *args: Any, **options: Any) -> "LinePipeline":
        self._commands.append((args, options))
        return self

    async def execute(self, *, raise_on_error: bool = True) -> list[Any]:
        """The answers in the order of the commands; the first error is raised once all have been answered."""
        commands, self._commands = self._commands, []
        return await self._client.ask_all(commands, raise_on_error=raise_on_error) if commands else []

    async def __aenter__(self) -> "LinePipeline":
        return self

    async def __aexit__(self, *_: object) -> None:
        self._commands = []


def _words(args: Sequence[Any]) -> tuple[Any, ...]:
    # Some of the library's names of commands are two words.
    name, *rest = args
    return (*name.split(), *rest) if isinstance(name, str) and " " in name else tuple(args)


def _greetings(like: Connection) -> list[tuple[Any, ...]]:
    greetings: list[tuple[Any, ...]] = []
    if like.password:
        greetings.append(("AUTH", *filter(None, [like.username]), like.password))
    if like.db:
        greetings.append(("SELECT", like.db))
    return greetings
