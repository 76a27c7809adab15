"""URLs that name several Redis servers, and where a cluster is asked for a command's key."""

from typing import Any

import pytest
from redis.crc import key_slot
from redis.exceptions import DataError

from tutti import errors, redis_urls
from tutti.config import ServiceSettings
from tutti.redis_cluster import slot_of
from tutti.redis_urls import Address


def parsed(url: str) -> redis_urls.ManyServers:
    found = redis_urls.parse(url)
    assert found is not None
    return found


@pytest.mark.parametrize("url", ["redis://h:1/0", "rediss://u:p@h:1/0", "unix:///run/redis.sock", ""])
def test_the_url_of_one_server_is_left_to_the_library(url: str) -> None:
    assert redis_urls.parse(url) is None


def test_a_cluster_is_named_by_some_of_its_nodes() -> None:
    found = parsed("redis+cluster://a:7000, b:7001,[::1]:7002,d")
    assert found.kind == redis_urls.CLUSTER
    assert found.addresses == (Address("a", 7000), Address("b", 7001), Address("::1", 7002), Address("d", 6379))


def test_user_password_and_options_go_to_every_node() -> None:
    found = parsed("rediss+cluster://ada:p%40ss@a:7000,b:7001/?ssl_cert_reqs=none")
    assert found.of(Address("c", 7002)) == "rediss://ada:p%40ss@c:7002?ssl_cert_reqs=none"
    assert found.of(Address("::1", 7002), named=False) == "rediss://[::1]:7002?ssl_cert_reqs=none"


def test_sentinels_are_named_with_the_service_that_they_watch() -> None:
    found = parsed("redis+sentinel://:secret@a,b:26380/main")
    assert (found.kind, found.service) == (redis_urls.SENTINEL, "main")
    assert found.addresses == (Address("a", 26379), Address("b", 26380))
    assert found.of(Address("m", 6379)) == "redis://:secret@m:6379"


@pytest.mark.parametrize(
    "url",
    [
        "redis+cluster://",
        "redis+cluster://a:b:c",
        "redis+cluster://a:99999",
        "redis+cluster://a:1/3",
        "redis+sentinel://a:1",
        "redis+ring://a:1",
        "http+cluster://a:1",
    ],
)
def test_what_cannot_be_understood_is_refused_without_showing_a_password(url: str) -> None:
    with pytest.raises(errors.InvalidInput, match="REDIS_URL"):
        redis_urls.parse(url)
    with pytest.raises(errors.InvalidInput) as caught:
        redis_urls.parse("redis+ring://ada:secret@a:1")
    assert "secret" not in caught.value.message


def test_settings_refuse_a_url_that_cannot_be_understood() -> None:
    with pytest.raises(ValueError, match="REDIS_URL"):
        ServiceSettings(redis_url="redis+sentinel://a:1")


def test_people_are_not_shown_a_password() -> None:
    assert redis_urls.shown("redis+cluster://ada:secret@a:1,b:2") == "redis+cluster://a:1,b:2"
    assert redis_urls.shown("redis://a:1/0") == "redis://a:1/0"


@pytest.mark.parametrize(
    "command",
    [
        ("GET", "{t}k"),
        ("GET", b"{t}k"),
        ("XGROUP CREATE", "{t}k", "group", "0"),
        ("EVALSHA", "sha", 2, "{t}k", "{t}other", "argument"),
        ("XREADGROUP", b"GROUP", "g", "c", b"COUNT", 3, b"STREAMS", "{t}k", "{t}l", ">", ">"),
    ],
)
def test_a_command_goes_where_its_first_key_is(command: tuple[Any, ...]) -> None:
    assert slot_of(command) == key_slot(b"t")


def test_a_command_without_a_key_is_not_sent_anywhere() -> None:
    with pytest.raises(DataError, match="FLUSHALL"):
        slot_of(("FLUSHALL",))
