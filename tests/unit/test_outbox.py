"""The outbox: numbered, resumable, kept until acknowledged, read by one at a time."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from tests.builders import logged
from tutti import errors, updates
from tutti.updates import Outbox
from tutti.v1 import task_pb2

NOWHERE = task_pb2.UpdateCursor()


def line(number: int) -> task_pb2.Update:
    return logged(message=str(number))


def outbox_with(count: int) -> Outbox:
    outbox = Outbox("e1")
    outbox.extend(line(number) for number in range(1, count + 1))
    return outbox


def at(number: int, epoch: str = "e1") -> task_pb2.UpdateCursor:
    return task_pb2.UpdateCursor(epoch=epoch, number=number)


def lines(batch: task_pb2.UpdateBatch) -> list[int]:
    return [int(update.log.message) for update in batch.updates]


async def following(stream: AsyncIterator[task_pb2.UpdateBatch]) -> task_pb2.UpdateBatch:
    async with asyncio.timeout(5):
        return await anext(stream)


async def read_all(outbox: Outbox, after: task_pb2.UpdateCursor) -> list[int]:
    """Everything that is kept after the cursor."""
    stream, found = outbox.read(after), []
    batch = await following(stream)
    while batch.number < outbox.number:
        batch = await following(stream)
        found += lines(batch)
    await stream.aclose()  # type: ignore[attr-defined]  # an async generator
    return found


async def test_the_first_batch_names_the_epoch_and_says_nothing() -> None:
    batch = await following(outbox_with(3).read(NOWHERE))

    assert (batch.epoch, batch.number, len(batch.updates)) == ("e1", 0, 0)


async def test_updates_come_in_order_and_the_number_is_that_of_the_last() -> None:
    stream = outbox_with(3).read(NOWHERE)
    await following(stream)

    batch = await following(stream)

    assert (batch.epoch, batch.number, lines(batch)) == ("e1", 3, [1, 2, 3])


def test_each_update_has_the_next_number() -> None:
    outbox = Outbox("e1")

    assert [outbox.put(line(1)), outbox.put(line(2)), outbox.extend([line(3), line(4)])] == [1, 2, 4]
    assert outbox.number == 4


async def test_what_is_put_in_while_somebody_reads_follows() -> None:
    outbox = outbox_with(0)
    stream = outbox.read(NOWHERE)
    await following(stream)
    waiting = asyncio.create_task(following(stream), name="reader")
    await asyncio.sleep(0)

    outbox.put(line(1))
    assert lines(await waiting) == [1]
    outbox.extend([line(2), line(3)])
    assert lines(await following(stream)) == [2, 3]


async def test_a_large_backlog_comes_in_batches_of_bounded_size(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(updates, "MAX_BATCH", 4)
    stream = outbox_with(10).read(NOWHERE)
    await following(stream)

    batches = [await following(stream) for _ in range(3)]

    assert [lines(batch) for batch in batches] == [[1, 2, 3, 4], [5, 6, 7, 8], [9, 10]]
    assert [batch.number for batch in batches] == [4, 8, 10]


@pytest.mark.parametrize("seen", range(6))
async def test_reading_goes_on_after_the_last_number_seen(seen: int) -> None:
    assert await read_all(outbox_with(5), at(seen)) == list(range(seen + 1, 6))


async def test_numbers_of_another_epoch_mean_nothing_here() -> None:
    assert await read_all(outbox_with(5), at(3, "e0")) == [1, 2, 3, 4, 5]


async def test_a_number_that_was_never_given_is_taken_for_the_last_one() -> None:
    outbox = outbox_with(2)
    stream = outbox.read(at(99))
    assert (await following(stream)).number == 2

    outbox.put(line(3))

    assert lines(await following(stream)) == [3]


async def test_what_was_acknowledged_is_not_said_again() -> None:
    outbox = outbox_with(5)

    assert [int(update.log.message) for update in outbox.acknowledge(2)] == [1, 2]

    assert outbox.acknowledged == 2
    assert await read_all(outbox, NOWHERE) == [3, 4, 5]
    assert await read_all(outbox, at(1)) == [3, 4, 5]


async def test_acknowledging_too_little_or_too_much_is_harmless() -> None:
    outbox = outbox_with(3)

    assert len(outbox.acknowledge(2)) == 2
    assert outbox.acknowledge(1) == []
    assert len(outbox.acknowledge(99)) == 1
    assert outbox.acknowledged == outbox.number == 3

    assert outbox.put(line(4)) == 4
    assert await read_all(outbox, at(3)) == [4]


async def test_acknowledging_while_somebody_reads_loses_and_repeats_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(updates, "MAX_BATCH", 3)
    outbox = outbox_with(10)
    stream = outbox.read(NOWHERE)
    await following(stream)
    seen: list[int] = []
    while len(seen) < 15:
        batch = await following(stream)
        seen += lines(batch)
        assert batch.number == seen[-1]
        outbox.acknowledge(batch.number)
        if outbox.number < 15:
            outbox.put(line(outbox.number + 1))

    assert seen == list(range(1, 16))


async def test_what_another_stream_acknowledged_is_skipped_by_a_slow_reader(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(updates, "MAX_BATCH", 2)
    outbox = outbox_with(6)
    stream = outbox.read(NOWHERE)
    await following(stream)
    assert lines(await following(stream)) == [1, 2]

    outbox.acknowledge(5)

    batch = await following(stream)
    assert (batch.number, lines(batch)) == (6, [6])


@pytest.mark.parametrize("waits", [True, False], ids=["a reader that waits", "a reader that is elsewhere"])
async def test_a_second_reader_takes_over(waits: bool) -> None:
    outbox = outbox_with(1)
    first = outbox.read(NOWHERE)
    await following(first)
    await following(first)
    reading = asyncio.create_task(following(first), name="first") if waits else None
    await asyncio.sleep(0)

    second = outbox.read(at(1))
    assert (await following(second)).number == 1
    outbox.put(line(2))

    assert lines(await following(second)) == [2]
    with pytest.raises(errors.TuttiError) as caught:
        await (reading or following(first))
    assert caught.value.reason == "SUPERSEDED"
    # And the one who took over goes on undisturbed.
    outbox.put(line(3))
    assert lines(await following(second)) == [3]


async def test_a_stream_can_be_ended_and_another_begun() -> None:
    outbox = outbox_with(1)
    stream = outbox.read(at(1))
    await following(stream)
    reading = asyncio.create_task(following(stream), name="reader")
    await asyncio.sleep(0)

    outbox.end()

    with pytest.raises(errors.TuttiError):
        await reading
    assert await read_all(outbox, NOWHERE) == [1]


async def test_waiting_until_all_is_acknowledged() -> None:
    outbox = outbox_with(2)
    waiting = asyncio.create_task(outbox.all_acknowledged(), name="waiting")
    await asyncio.sleep(0)
    outbox.acknowledge(1)
    await asyncio.sleep(0)
    assert not waiting.done()

    outbox.acknowledge(2)

    async with asyncio.timeout(5):
        await waiting
        await outbox.all_acknowledged()


async def test_an_empty_outbox_has_nothing_to_be_acknowledged() -> None:
    async with asyncio.timeout(5):
        await Outbox("e1").all_acknowledged()
