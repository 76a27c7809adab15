"""How those who wait for news are woken."""

import asyncio

from tests.fixtures.waiting import eventually
from tutti.bell import Bell


async def waiting(bell: Bell, count: int) -> "list[asyncio.Task[None]]":
    tasks = [asyncio.create_task(bell.wait(bell.news), name=f"waiter-{n}") for n in range(count)]
    await asyncio.sleep(0)
    return tasks


async def test_one_waiter_is_woken_by_every_ring_at_once() -> None:
    bell = Bell(seconds_per_waiter=60)
    for _ in range(3):
        (task,) = await waiting(bell, 1)
        news = bell.news
        bell.ring()
        assert news.is_set()
        await task


async def test_many_are_woken_at_once_and_then_again_after_a_while() -> None:
    bell = Bell(seconds_per_waiter=60)
    first = await waiting(bell, 3)
    bell.ring()
    await asyncio.gather(*first)
    second, news = await waiting(bell, 3), bell.news
    bell.ring()
    bell.ring()
    assert not news.is_set()
    await eventually(news.is_set)
    await asyncio.gather(*second)


async def test_who_looked_before_the_ring_and_waits_after_it_does_not_miss_it() -> None:
    bell = Bell()
    news = bell.news
    bell.ring()
    async with asyncio.timeout(5):
        await bell.wait(news)


async def test_everyone_can_be_woken_without_delay() -> None:
    bell = Bell(seconds_per_waiter=60)
    for _ in range(3):
        tasks = await waiting(bell, 3)
        bell.ring()
        bell.ring_now()
        async with asyncio.timeout(5):
            await asyncio.gather(*tasks)
