"""RQ, with workers that do not fork for each job. Its client blocks."""

import os

import redis
from rq import Queue
from rq_tasks import noop

URL = os.environ["BENCH_REDIS"]
_WORKER = ["rq", "worker", "-w", "rq.worker.SimpleWorker", "--url", URL]
WORKERS = [_WORKER, _WORKER]

server = redis.Redis.from_url(URL)
queue = Queue(connection=server)


async def connect() -> None:
    pass


async def submit(number: int) -> None:
    queue.enqueue(noop, number)


async def left(jobs: int) -> int:
    return jobs - server.zcard("rq:finished:default")


async def trip(number: int) -> None:
    queue.enqueue(noop, number).latest_result(timeout=10)


async def close() -> None:
    server.close()
