"""The HTTP server around the application: its socket, and an orderly end."""

import asyncio
import contextlib
import signal
import socket
from collections.abc import Iterator

import uvicorn
from starlette.types import ASGIApp

from tutti import errors

#: Connections that wait for the process to accept them.
_BACKLOG = 2048
#: Seconds for which an idle connection stays open; longer than the minute after which balancers let go of theirs, so
#: that none of them sends a request into a connection that is just being closed.
_KEEP_ALIVE_SECONDS = 75


class Server(uvicorn.Server):
    """Uvicorn, except that signals are ours: its own handling ends the process by the signal instead of with 0, and
    waits for streams that do not know that they should end."""

    def __init__(self, app: ASGIApp, *, closing: asyncio.Event, grace_seconds: float) -> None:
        super().__init__(
            uvicorn.Config(
                app,
                access_log=False,
                backlog=_BACKLOG,
                lifespan="off",
                log_config=None,
                # What it says below that repeats our own lines.
                log_level="warning",
                proxy_headers=False,
                server_header=False,
                timeout_graceful_shutdown=max(1, round(grace_seconds)),
                timeout_keep_alive=_KEEP_ALIVE_SECONDS,
                ws="none",
            )
        )
        self._closing = closing

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Called by uvicorn around the whole of its life."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self.stop)
        try:
            yield
        finally:
            for number in (signal.SIGTERM, signal.SIGINT):
                loop.remove_signal_handler(number)

    def stop(self) -> None:
        """Take no new connection, end streams, let requests in hand finish in time. The second call does not wait."""
        self.force_exit = self.should_exit
        self.should_exit = True
        self._closing.set()


def listen(host: str, port: int) -> socket.socket:
    """A listening socket; port 0 takes any free one."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family, backlog=_BACKLOG)
    except OSError as error:
        raise errors.Unavailable(f"cannot listen on {host}:{port}: {error.strerror}; is the port taken?") from error
