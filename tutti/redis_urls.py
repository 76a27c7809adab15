"""URLs that name several servers: the nodes of a Redis Cluster, or the Sentinels that know who the master is. Pure.

    redis+cluster://[user:password@]host:port,host:port[?options]
    redis+sentinel://[user:password@]host:port,host:port/service[?options]

`rediss+…` is the same over TLS. User and password are those of every node, and of the servers behind the Sentinels;
Sentinels themselves are asked without. Options are those of every connection.
"""

import re
from dataclasses import dataclass
from typing import NamedTuple

from tutti import errors

CLUSTER, SENTINEL = "cluster", "sentinel"
DEFAULT_PORTS = {CLUSTER: 6379, SENTINEL: 26379}
_URL = re.compile(
    r"(?P<scheme>rediss?)\+(?P<kind>cluster|sentinel)://(?:(?P<user>[^/?]*)@)?(?P<hosts>[^/?@]*)(?:/(?P<path>[^?]*))?"
    r"(?:\?(?P<query>.*))?"
)
_HOST = re.compile(r"(?P<host>\[[0-9A-Fa-f:.%]+\]|[^:\[\]]+)(?::(?P<port>[0-9]{1,5}))?")


def shown(url: str) -> str:
    """Without user and password, for people and logs."""
    scheme, separator, rest = url.partition("://")
    return f"{scheme}{separator}{rest.rpartition('@')[2]}"


class Address(NamedTuple):
    host: str
    port: int


@dataclass(frozen=True, kw_only=True, slots=True)
class ManyServers:
    kind: str
    addresses: tuple[Address, ...]
    #: What Sentinels call the master.
    service: str
    _scheme: str
    _user: str
    _query: str

    def of(self, address: Address, *, named: bool = True) -> str:
        """The URL of one server; with user and password unless they are not meant for it."""
        host = f"[{address.host}]" if ":" in address.host else address.host
        user = f"{self._user}@" if self._user and named else ""
        query = f"?{self._query}" if self._query else ""
        return f"{self._scheme}://{user}{host}:{address.port}{query}"


def parse(url: str) -> ManyServers | None:
    """None for the URL of a single server."""
    if "+" not in url.partition("://")[0]:
        return None
    found = _URL.fullmatch(url)
    if found is None:
        # Not quoted: it may hold a password.
        raise errors.InvalidInput(
            "REDIS_URL: not understood; it looks like redis+cluster://host:port,host:port or "
            "redis+sentinel://host:port,host:port/service",
            field="REDIS_URL",
        )
    kind, path = found["kind"], found["path"] or ""
    if (kind == SENTINEL) != bool(path) and path != "0":
        raise errors.InvalidInput(
            "REDIS_URL: Sentinels need the service's name after a slash, and a cluster has no databases to choose from",
            field="REDIS_URL",
        )
    return ManyServers(
        kind=kind,
        addresses=tuple(_address(host, DEFAULT_PORTS[kind]) for host in found["hosts"].split(",")),
        service=path if kind == SENTINEL else "",
        _scheme=found["scheme"],
        _user=found["user"] or "",
        _query=found["query"] or "",
    )


def _address(text: str, default_port: int) -> Address:
    found = _HOST.fullmatch(text.strip())
    if found is None or int(found["port"] or 1) > 65535:
        raise errors.InvalidInput(f"REDIS_URL: {text!r} is not host:port", field="REDIS_URL")
    return Address(found["host"].strip("[]"), int(found["port"] or default_port))
