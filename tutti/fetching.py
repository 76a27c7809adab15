"""Fetching what a caller names by address, without becoming the caller's arm into our own network.

A name is looked up here, once, every address that it has must be a public one, and the connection goes to the address
that was looked at, not to the name, which may mean something else a moment later. Redirects are followed by hand, under
the same rules. What comes is bounded in size and time before anything is done with it.
"""

import asyncio
import ipaddress
import os
import socket
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urljoin, urlsplit

import httpx

from tutti.errors import DeadlineExceeded, InvalidInput, Unavailable

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
Address = ipaddress.IPv4Address | ipaddress.IPv6Address

#: Networks that may be fetched from although they are not public, separated by commas; for mesh-internal stores.
ALLOWED_VARIABLE = "TUTTI_FETCH_ALLOWED_NETWORKS"
MOST_REDIRECTS = 5
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True, kw_only=True, slots=True)
class Limits:
    most_bytes: int = 64 * 1024 * 1024
    seconds: float = 60.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Fetched:
    url: str
    type: str
    size: int


def allowed_networks() -> tuple[Network, ...]:
    """Raises InvalidInput, naming the variable, for what is no network."""
    found = []
    for text in filter(None, (part.strip() for part in os.environ.get(ALLOWED_VARIABLE, "").split(","))):
        try:
            found.append(ipaddress.ip_network(text))
        except ValueError as error:
            raise InvalidInput(f"{ALLOWED_VARIABLE}: {text!r} is no network such as 10.1.0.0/16") from error
    return tuple(found)


async def fetch(url: str, into: Path, *, field: str, limits: Limits, allowed: Sequence[Network] = ()) -> Fetched:
    """Save what an address holds. Raises InvalidInput for one that may not be fetched or answers that it never will,
    Unavailable and DeadlineExceeded for one that may be tried again."""
    try:
        async with asyncio.timeout(limits.seconds):
            for _ in range(MOST_REDIRECTS + 1):
                found = await _once(url, into, field, limits, allowed)
                if isinstance(found, Fetched):
                    return found
                url = found
    except TimeoutError as error:
        raise DeadlineExceeded(f"{field}: took longer than {limits.seconds:g} s to fetch", field=field) from error
    raise InvalidInput(f"{field}: more than {MOST_REDIRECTS} redirects; give the last address", field=field)


async def _once(url: str, into: Path, field: str, limits: Limits, allowed: Sequence[Network]) -> Fetched | str:
    """What was saved, or the address that the answer points to."""
    parts = urlsplit(url)
    if parts.scheme not in _PORTS or not parts.hostname or parts.username or parts.password:
        raise InvalidInput(f"{field}: must be an http or https address without a password", field=field)
    try:
        port = parts.port or _PORTS[parts.scheme]
    except ValueError as error:
        raise InvalidInput(f"{field}: its port is none", field=field) from error
    address = await _public_address(parts.hostname, port, field, allowed)
    shown = f"[{address}]" if address.version == 6 else str(address)
    target = f"{parts.scheme}://{shown}:{port}{parts.path or '/'}{f'?{parts.query}' if parts.query else ''}"
    host = parts.hostname if port == _PORTS[parts.scheme] else f"{parts.hostname}:{port}"
    try:
        # No proxies from the environment: they would be asked for the address, and look it up themselves.
        async with (
            httpx.AsyncClient(trust_env=False, timeout=limits.seconds) as http,
            http.stream(
                "GET",
                target,
                headers={"Host": host, "Accept-Encoding": "identity"},
                extensions={"sni_hostname": parts.hostname},
            ) as answer,
        ):
            if answer.status_code in _REDIRECTS and "location" in answer.headers:
                return urljoin(url, answer.headers["location"])
            _check_status(answer.status_code, field)
            return await _save(answer, url, into, field, limits)
    except httpx.HTTPError as error:
        raise Unavailable(f"{field}: could not be fetched: {error or type(error).__name__}", field=field) from error


async def _public_address(host: str, port: int, field: str, allowed: Sequence[Network]) -> Address:
    try:
        found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except OSError as error:
        raise InvalidInput(f"{field}: no address is known for {host[:100]!r}", field=field) from error
    addresses = [ipaddress.ip_address(str(entry[4][0]).partition("%")[0]) for entry in found]
    for address in addresses:
        if not (_is_public(address) or any(address in network for network in allowed)):
            raise InvalidInput(
                f"{field}: {host[:100]!r} is not on the public internet", field=field, reason="FORBIDDEN_ADDRESS"
            )
    # One is tried; of a name that has both, the version that works from nearly everywhere.
    return min(addresses, key=lambda address: address.version)


def _is_public(address: Address) -> bool:
    if isinstance(address, ipaddress.IPv6Address):
        inner = address.ipv4_mapped or address.sixtofour or (address.teredo[1] if address.teredo else None)
        if inner is not None:
            return _is_public(inner)
    return address.is_global and not address.is_multicast


def _check_status(status: int, field: str) -> None:
    if status >= 500 or status == 429:
        raise Unavailable(f"{field}: the server answered {status}", field=field)
    if status != 200:
        raise InvalidInput(f"{field}: the server answered {status}; is the address right?", field=field)


async def _save(answer: httpx.Response, url: str, into: Path, field: str, limits: Limits) -> Fetched:
    declared = answer.headers.get("content-length", "0")
    size = 0
    if declared.isdigit() and int(declared) > limits.most_bytes:
        raise _too_large(field, limits)
    with into.open("wb") as file:
        async for chunk in answer.aiter_raw():
            size += len(chunk)
            if size > limits.most_bytes:
                raise _too_large(field, limits)
            file.write(chunk)
    return Fetched(url=url, type=answer.headers.get("content-type", "").partition(";")[0].strip(), size=size)


def _too_large(field: str, limits: Limits) -> InvalidInput:
    return InvalidInput(f"{field}: has more than {limits.most_bytes:,} bytes; give a shorter recording", field=field)
