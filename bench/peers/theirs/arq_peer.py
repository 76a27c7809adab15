"""arq, on Redis."""

import asyncio
import os

from arq import create_pool
from arq.connections import ArqRedis, RedisSettings
from arq.jobs import ResultNotFound

WORKERS = [["arq", "arq_peer.WorkerSettings"], ["arq", "arq_peer.WorkerSettings"]]

pools: list[ArqRedis] = []


async def noop(context: object, number: int) -> int:
    return number


class WorkerSettings:
    functions = (noop,)
    redis_settings = RedisSettings.from_dsn(os.environ["BENCH_REDIS"])
    max_jobs = 200
    poll_delay = 0.005
    keep_result = 600


async def connect() -> None:
    pools.append(await create_pool(WorkerSettings.redis_settings))


async def submit(number: int) -> None:
    await pools[0].enqueue_job("noop", number)


async def left(jobs: int) -> int:
    # A job leaves the queue in the transaction that stores its result.
    return await pools[0].zcard("arq:queue")


async def trip(number: int) -> None:
    job = await pools[0].enqueue_job("noop", number)
    while True:
        try:
            await job.result(timeout=5, poll_delay=0.002)
            return
        except ResultNotFound:
            await asyncio.sleep(0.001)


async def close() -> None:
    await pools[0].aclose()
