"""Servers that several test modules share; each is started when the first test asks for it."""

from tests.fixtures.redis import redis_server, redis_url

__all__ = ["redis_server", "redis_url"]
