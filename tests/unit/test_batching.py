"""Batch when busy, flush when idle: order, errors and the end. Never how long something takes."""

import asyncio
from collections.abc import Sequence

import pytest

from tutti.batching import Batcher


class Sink:
    """Takes batches and doubles what is in them; can be closed to hold a flush in flight."""

    def __init__(self) -> None:
        self.batches: list[list[int]] = []
        self.open = asyncio.Event()
        self.open.set()
        self.refuse: Exception | None = None
        self.at_a_time = 0

    async def flush(self, items: list[int]) -> Sequence[int]:
        self.at_a_time += 1
        assert self.at_a_time == 1, "batches are flushed one at a time"
        self.batches.append(items)
        try:
            await self.open.wait()
            if self.refuse is not None:
                raise self.refuse
            return [2 * item for item in items]
        finally:
            self.at_a_time -= 1


def batcher(sink: Sink, *, max_items: int = 512) -> Batcher[int, int]:
    return Batcher(sink.flush, name="test", max_items=max_items)


async def test_the_first_item_goes_at_once() -> None:
    sink = Sink()
    gathering = batcher(sink)

    future = gathering.submit(1)
    await asyncio.sleep(0)

    assert sink.batches == [[1]]
    assert await future == 2
    await gathering.close()


async def test_what_comes_while_a_flush_is_in_flight_goes_together_next() -> None:
    sink = Sink()
    gathering = batcher(sink)
    sink.open.clear()
    futures = [gathering.submit(1)]
    await asyncio.sleep(0)
    futures += [gathering.submit(item) for item in (2, 3, 4)]

    sink.open.set()

    assert await asyncio.gather(*futures) == [2, 4, 6, 8]
    assert sink.batches == [[1], [2, 3, 4]]
    await gathering.close()


async def test_a_batch_holds_no_more_than_it_may_and_order_is_kept() -> None:
    sink = Sink()
    gathering = batcher(sink, max_items=3)

    results = await asyncio.gather(*(gathering.submit(item) for item in range(10)))

    assert results == [2 * item for item in range(10)]
    assert [item for batch in sink.batches for item in batch] == list(range(10))
    assert max(map(len, sink.batches)) == 3
    await gathering.close()


async def test_what_is_heavy_goes_in_fewer_items_and_what_is_too_heavy_alone() -> None:
    sink = Sink()
    gathering: Batcher[int, int] = Batcher(sink.flush, name="test", weigh=lambda item: item, max_weight=10)
    sink.open.clear()
    futures = [gathering.submit(1)]
    await asyncio.sleep(0)
    futures += [gathering.submit(item) for item in (4, 6, 1, 99, 99, 10, 2, 3)]

    sink.open.set()

    assert await asyncio.gather(*futures) == [2, 8, 12, 2, 198, 198, 20, 4, 6]
    assert sink.batches == [[1], [4, 6], [1], [99], [99], [10], [2, 3]]
    await gathering.close()


async def test_results_keep_their_order_over_many_batches() -> None:
    sink = Sink()
    gathering = batcher(sink, max_items=7)
    done: list[int] = []

    async def one_after_the_other(first: int) -> None:
        for item in range(first, first + 20):
            result = await gathering.submit(item)
            done.append(result)

    await asyncio.gather(*(one_after_the_other(100 * n) for n in range(5)))

    assert sorted(done) == sorted(2 * (100 * n + item) for n in range(5) for item in range(20))
    assert sum(map(len, sink.batches)) == 100
    await gathering.close()


async def test_a_batch_that_fails_fails_alone() -> None:
    sink = Sink()
    gathering = batcher(sink)
    sink.refuse = ValueError("no")
    failing = gathering.submit(1)
    with pytest.raises(ValueError, match="no"):
        await failing

    sink.refuse = None

    assert await gathering.submit(2) == 4
    await gathering.close()


async def test_every_item_of_a_failed_batch_fails_with_its_error() -> None:
    sink = Sink()
    gathering = batcher(sink)
    sink.refuse = ValueError("no")

    results = await asyncio.gather(*(gathering.submit(item) for item in range(3)), return_exceptions=True)

    assert [str(result) for result in results] == ["no"] * 3
    await gathering.close()


async def test_a_flush_that_answers_too_little_leaves_nobody_waiting() -> None:
    async def forgetful(items: list[int]) -> list[int]:
        return items[:-1]

    gathering: Batcher[int, int] = Batcher(forgetful, name="test")
    futures = [gathering.submit(1), gathering.submit(2)]

    done, pending = await asyncio.wait(futures, timeout=1)

    assert not pending
    assert any(future.cancelled() or future.exception() is not None for future in done)


async def test_a_caller_who_gave_up_does_not_disturb_the_others() -> None:
    sink = Sink()
    gathering = batcher(sink)
    sink.open.clear()
    first, second = gathering.submit(1), gathering.submit(2)
    await asyncio.sleep(0)
    first.cancel()

    sink.open.set()

    assert await second == 4
    await gathering.close()


async def test_closing_flushes_what_waits() -> None:
    sink = Sink()
    gathering = batcher(sink, max_items=2)
    futures = [gathering.submit(item) for item in range(5)]

    await gathering.close()

    assert [future.result() for future in futures] == [0, 2, 4, 6, 8]
    assert not gathering.busy


async def test_nothing_is_taken_after_the_end() -> None:
    gathering = batcher(Sink())
    await gathering.close()

    with pytest.raises(RuntimeError, match="closed"):
        _ = gathering.submit(1)


async def test_closing_an_idle_batcher_twice_is_harmless() -> None:
    gathering = batcher(Sink())

    await gathering.close()
    await gathering.close()


async def test_an_idle_batcher_has_no_task() -> None:
    gathering = batcher(Sink())
    await gathering.submit(1)
    await gathering.close()

    assert not gathering.busy
    assert not [task for task in asyncio.all_tasks() if task.get_name() == "test"]


async def test_what_was_only_put_in_goes_in_its_turn() -> None:
    sink = Sink()
    gathering = batcher(sink)
    sink.open.clear()
    first = gathering.submit(1)
    await asyncio.sleep(0)
    gathering.put(2)
    last = gathering.submit(3)

    sink.open.set()

    assert (await first, await last) == (2, 6)
    assert sink.batches == [[1], [2, 3]]
    await gathering.close()


async def test_a_batch_that_nobody_waits_for_is_logged_when_it_fails_and_the_next_one_goes(
    caplog: pytest.LogCaptureFixture,
) -> None:
    sink = Sink()
    gathering = batcher(sink, max_items=1)
    sink.refuse = ValueError("no")
    gathering.put(1)
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    sink.refuse = None
    gathering.put(2)

    await gathering.close()

    assert sink.batches == [[1], [2]]
    assert "a batch failed that nobody waits for" in caplog.text
