"""taskiq, on Redis streams, with results."""

import os

import redis
from taskiq_redis import RedisAsyncResultBackend, RedisStreamBroker

URL = os.environ["BENCH_REDIS"]
WORKERS = [["taskiq", "worker", "taskiq_peer:broker", "-w", "2", "--max-async-tasks", "200"]]
RESULT_SECONDS = 600

results = RedisAsyncResultBackend(URL, result_ex_time=RESULT_SECONDS)
broker = RedisStreamBroker(url=URL).with_result_backend(results)
server = redis.Redis.from_url(URL)


@broker.task
async def noop(number: int) -> int:
    return number


async def connect() -> None:
    await broker.startup()


async def submit(number: int) -> None:
    await noop.kiq(number)


async def left(jobs: int) -> int:
    # Besides the results there is the stream alone.
    return jobs - (server.dbsize() - 1)


async def trip(number: int) -> None:
    await (await noop.kiq(number)).wait_result(check_interval=0.002)


async def close() -> None:
    await broker.shutdown()
