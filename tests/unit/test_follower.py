"""The follower: every update once and in order, over breaks, repeats and restarts of its peer."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field

import grpc
import pytest

from tests.builders import logged
from tutti import errors
from tutti.updates import Follower, Outbox
from tutti.v1 import task_pb2

#: What a stream does, one thing after the other: hand over a batch, or break.
Script = Sequence[task_pb2.UpdateBatch | Exception]


class Enough(Exception):
    """Ends a test's follower."""


def broken(code: grpc.StatusCode = grpc.StatusCode.UNAVAILABLE) -> grpc.aio.AioRpcError:
    return grpc.aio.AioRpcError(code, grpc.aio.Metadata(), grpc.aio.Metadata(), "cut")


def batch(number: int, *lines: int, epoch: str = "e1") -> task_pb2.UpdateBatch:
    return task_pb2.UpdateBatch(epoch=epoch, number=number, updates=[logged(message=str(line)) for line in lines])


@dataclass
class Listener:
    """Follows scripted streams, one after the other, until the last one has ended."""

    scripts: list[Script]
    #: What happened, in order: epochs, lines and breaks.
    heard: list[str | int] = field(default_factory=list)
    #: Where each stream was asked to begin.
    cursors: list[tuple[str, int]] = field(default_factory=list)

    async def run(self) -> None:
        follower = Follower(self.open, on_epoch=self.epoch, on_updates=self.updates, on_break=self.broke)
        with pytest.raises(Enough):
            async with asyncio.timeout(10):
                await follower.run()

    async def open(self, after: task_pb2.UpdateCursor) -> AsyncIterator[task_pb2.UpdateBatch]:
        self.cursors.append((after.epoch, after.number))
        for what in self.scripts.pop(0):
            if isinstance(what, Exception):
                raise what
            yield what

    async def epoch(self, epoch: str) -> None:
        self.heard.append(epoch)

    async def updates(self, batch: task_pb2.UpdateBatch) -> None:
        self.heard += [int(update.log.message) for update in batch.updates]

    async def broke(self, error: errors.TuttiError) -> None:
        self.heard.append(error.reason)
        if not self.scripts:
            raise Enough


async def listened(*scripts: Script) -> Listener:
    listener = Listener(scripts=list(scripts))
    await listener.run()
    return listener


async def test_the_epoch_is_told_before_the_first_update() -> None:
    listener = await listened([batch(0), batch(2, 1, 2)])

    assert listener.heard == ["e1", 1, 2, "UNAVAILABLE"]
    assert listener.cursors == [("", 0)]


async def test_after_a_break_the_stream_goes_on_after_the_last_number_seen() -> None:
    listener = await listened([batch(0), batch(2, 1, 2), broken()], [batch(2), batch(3, 3)])

    assert listener.heard == ["e1", 1, 2, "UNAVAILABLE", 3, "UNAVAILABLE"]
    assert listener.cursors == [("", 0), ("e1", 2)]


async def test_a_peer_that_repeats_itself_is_heard_once() -> None:
    listener = await listened([batch(0), batch(3, 1, 2, 3), broken()], [batch(0), batch(4, 1, 2, 3, 4)])

    assert [what for what in listener.heard if isinstance(what, int)] == [1, 2, 3, 4]


async def test_a_batch_that_is_all_repetition_says_nothing() -> None:
    listener = await listened([batch(0), batch(2, 1, 2), batch(2, 1, 2), batch(2, 2), batch(3, 3)])

    assert [what for what in listener.heard if isinstance(what, int)] == [1, 2, 3]


async def test_a_new_incarnation_is_told_and_heard_from_its_first_number() -> None:
    listener = await listened(
        [batch(0), batch(5, 1, 2, 3, 4, 5), broken()], [batch(0, epoch="e2"), batch(1, 1, epoch="e2")]
    )

    assert listener.heard == ["e1", 1, 2, 3, 4, 5, "UNAVAILABLE", "e2", 1, "UNAVAILABLE"]


async def test_a_peer_that_has_forgotten_what_was_recorded_elsewhere_is_followed_from_where_it_is() -> None:
    listener = await listened([batch(7), batch(9, 8, 9), broken()], [batch(9)])

    assert [what for what in listener.heard if isinstance(what, int)] == [8, 9]
    assert listener.cursors[1] == ("e1", 9)


async def test_what_ended_a_stream_is_told_in_our_words() -> None:
    listener = await listened([broken(grpc.StatusCode.FAILED_PRECONDITION)], [batch(0)])

    assert listener.heard[0] == "PRECONDITION_FAILED"


async def test_what_a_listener_raises_ends_the_following() -> None:
    async def open_stream(after: task_pb2.UpdateCursor) -> AsyncIterator[task_pb2.UpdateBatch]:
        yield batch(1, 1)

    async def gone(epoch: str) -> None:
        raise errors.Unavailable("another process", reason="WORKER_GONE")

    async def ignore(_: object) -> None:
        """Never reached."""

    follower = Follower(open_stream, on_epoch=gone, on_updates=ignore, on_break=ignore)

    with pytest.raises(errors.Unavailable) as caught:
        await follower.run()
    assert caught.value.reason == "WORKER_GONE"


@pytest.mark.parametrize("cut_after", range(1, 8))
async def test_an_outbox_that_is_cut_anywhere_is_heard_in_full(cut_after: int) -> None:
    """The two halves together, with a stream that breaks after so many batches, again and again."""
    outbox, heard = Outbox("e1"), list[int]()
    cut = Cut(outbox, after=cut_after)

    async def hear(said: task_pb2.UpdateBatch) -> None:
        heard.extend(int(update.log.message) for update in said.updates)
        if len(heard) % 3 == 0:
            outbox.acknowledge(said.number)
        if heard[-1] == 12:
            raise Enough
        outbox.put(logged(message=str(heard[-1] + 1)))

    async def ignore(_: object) -> None:
        """Follow on."""

    outbox.put(logged(message="1"))
    follower = Follower(cut.open, on_epoch=ignore, on_updates=hear, on_break=ignore)
    with pytest.raises(Enough):
        async with asyncio.timeout(20):
            await follower.run()

    assert heard == list(range(1, 13))


@dataclass
class Cut:
    outbox: Outbox
    after: int

    async def open(self, cursor: task_pb2.UpdateCursor) -> AsyncIterator[task_pb2.UpdateBatch]:
        left = self.after
        # At least one update beyond the greeting gets through, or nothing would ever be heard.
        async for said in self.outbox.read(cursor):
            yield said
            left -= 1
            if left < 0:
                raise broken()
