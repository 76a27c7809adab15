"""SAQ, on Redis. A result is waited for by asking every 2 ms, which is quicker than its own way of waiting."""

import asyncio
import os

from saq import Queue

WORKERS = [["saq", "saq_peer.settings"], ["saq", "saq_peer.settings"]]

queue = Queue.from_url(os.environ["BENCH_REDIS"])


async def noop(context: object, *, number: int) -> int:
    return number


settings = {"queue": queue, "functions": [noop], "concurrency": 200}


async def connect() -> None:
    await queue.connect()


async def submit(number: int) -> None:
    await queue.enqueue("noop", number=number)


async def left(jobs: int) -> int:
    return await queue.count("incomplete")


async def trip(number: int) -> None:
    job = await queue.enqueue("noop", number=number)
    while not job.completed:
        await asyncio.sleep(0.002)
        await job.refresh()


async def close() -> None:
    await queue.disconnect()
