"""Celery, on Redis, acknowledging late. Its client blocks."""

import os

import redis
from celery import Celery

URL = os.environ["BENCH_REDIS"]
QUIET = ["--without-gossip", "--without-mingle", "--without-heartbeat", "-l", "ERROR"]
WORKERS = [["celery", "-A", "celery_peer", "worker", "-c", "2", *QUIET]]

app = Celery("celery_peer", broker=URL, backend=URL)
app.conf.worker_prefetch_multiplier = 64
app.conf.task_acks_late = True
server = redis.Redis.from_url(URL)


@app.task
def noop(number: int) -> int:
    return number


async def connect() -> None:
    pass


async def submit(number: int) -> None:
    noop.delay(number)


async def left(jobs: int) -> int:
    return server.llen("celery") + server.hlen("unacked")


async def trip(number: int) -> None:
    noop.delay(number).get(timeout=10)


async def close() -> None:
    app.close()
