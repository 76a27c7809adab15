"""Servers that several test modules share; each is started when the first test asks for it."""

from tests.fixtures.models import server, triton
from tests.fixtures.redis import redis_server, redis_url
from tests.fixtures.redis_cluster import any_redis_url, cluster_url, redis_cluster
from tests.fixtures.replicas import replica
from tests.fixtures.scheduler import address, scheduler

__all__ = [
    "address",
    "any_redis_url",
    "cluster_url",
    "redis_cluster",
    "redis_server",
    "redis_url",
    "replica",
    "scheduler",
    "server",
    "triton",
]
