"""Streams of requests that stay open: a message costs a third of what a call does."""

import asyncio
from collections.abc import Callable
from typing import Generic, TypeVar, cast

import grpc

from tutti import errors, rpc

Q = TypeVar("Q")
A = TypeVar("A")


class Lane(Generic[Q, A]):
    """Requests of one kind to one server, each with one answer. One is under way at a time; what goes wrong with one
    ends the stream, and the next opens another."""

    def __init__(self, open_stream: "Callable[[], grpc.aio.StreamStreamCall[Q, A]]") -> None:
        self._open = open_stream
        self._stream: grpc.aio.StreamStreamCall[Q, A] | None = None
        self._turn = asyncio.Lock()

    async def call(self, request: Q, *, timeout: float) -> A:
        """Raises our errors: those that the server refuses with, and Unavailable when it does not answer in time."""
        async with self._turn:
            if self._stream is None:
                self._stream = self._open()
            stream = self._stream
            try:
                async with asyncio.timeout(timeout):
                    await say(stream, request)
                    return await hear(stream)
            except TimeoutError as error:
                self.leave()
                raise errors.Unavailable("the server does not answer", reason="CUT_OFF") from error
            except BaseException:
                self.leave()
                raise

    def leave(self) -> None:
        """Hang up; the next request opens a stream, perhaps to another server."""
        stream, self._stream = self._stream, None
        if stream is not None:
            stream.cancel()


async def say(stream: "grpc.aio.StreamStreamCall[Q, A]", request: Q) -> None:
    with rpc.translated():
        try:
            await stream.write(request)
        except asyncio.InvalidStateError as error:
            # What a write says to a stream that has ended in the meantime.
            raise _cut_off() from error
        except grpc.aio.AioRpcError as error:
            # And to one whose connection breaks just now; a service that fails gives details.
            if error.code() is grpc.StatusCode.INTERNAL and not error.trailing_metadata():
                raise _cut_off() from error
            raise


async def hear(stream: "grpc.aio.StreamStreamCall[Q, A]") -> A:
    with rpc.translated():
        answer = await stream.read()
    if answer is grpc.aio.EOF:
        raise _cut_off()
    return cast(A, answer)


def _cut_off() -> errors.Unavailable:
    return errors.Unavailable("the server ended the stream; try again", reason="CUT_OFF")
