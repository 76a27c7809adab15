"""dramatiq, on Redis, with results. Its client blocks."""

import os

import dramatiq
import redis
from dramatiq.brokers.redis import RedisBroker
from dramatiq.results import Results
from dramatiq.results.backends import RedisBackend

URL = os.environ["BENCH_REDIS"]
WORKERS = [["dramatiq", "dramatiq_peer", "-p", "2", "-t", "8"]]

broker = RedisBroker(url=URL)
broker.add_middleware(Results(backend=RedisBackend(url=URL)))
dramatiq.set_broker(broker)
server = redis.Redis.from_url(URL)


@dramatiq.actor(store_results=True)
def noop(number: int) -> int:
    return number


async def connect() -> None:
    pass


async def submit(number: int) -> None:
    noop.send(number)


async def left(jobs: int) -> int:
    # A message leaves with its acknowledgement, after its result was stored.
    return server.hlen("dramatiq:default.msgs")


async def trip(number: int) -> None:
    noop.send(number).get_result(block=True, timeout=10_000)


async def close() -> None:
    broker.close()
