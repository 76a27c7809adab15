"""Free TCP ports on loopback, for servers that must come back on the same port when they are restarted."""

import random
import socket

from tutti.errors import Unavailable

LOOPBACK = "127.0.0.1"
#: Below the ports that every common system hands out for outgoing connections. A port among those could be lost while
#: its server restarts, even to a client that keeps connecting to it and ends up connected to itself.
FIRST_PORT, LAST_PORT = 20_000, 32_000
TRIES = 1_000


def is_free(port: int) -> bool:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        # As servers do it: connections of a server that has just ended do not count.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError:
            return False
        return True


def pick(count: int, *, draw: random.Random | None = None) -> list[int]:
    """Different ports that nobody listened on just now. Somebody may be quicker than the server they are meant for;
    whoever starts that server must be ready to pick again."""
    source = draw or random.SystemRandom()
    found: set[int] = set()
    for _ in range(TRIES):
        if len(found) == count:
            return sorted(found)
        candidate = source.randint(FIRST_PORT, LAST_PORT)
        if candidate not in found and is_free(candidate):
            found.add(candidate)
    raise Unavailable(f"no {count} free ports between {FIRST_PORT} and {LAST_PORT}; close some servers")
