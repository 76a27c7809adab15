"""How tests run in several processes (`make test`): which stay together, and which want the machine to themselves."""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import groupby
from pathlib import Path
from typing import Any

import pytest

#: Files that share a server for the whole run. In one process it is started once.
TOGETHER = {
    "the mesh of e2e": (
        "tests/e2e/test_bad_input.py",
        "tests/e2e/test_cancelling.py",
        "tests/e2e/test_cli_music.py",
        "tests/e2e/test_jobs.py",
        "tests/e2e/test_listening.py",
        "tests/e2e/test_long_plans.py",
        "tests/e2e/test_many_tracks.py",
        "tests/e2e/test_music.py",
        "tests/e2e/test_pages.py",
        "tests/e2e/test_reflection.py",
    ),
    "the Triton of integration": (
        "tests/integration/test_handlers_music.py",
        "tests/integration/test_triton_models.py",
        "tests/integration/test_triton_server.py",
    ),
}
#: Takes as long as all other unit tests: begun among the last, it would leave the other processes with nothing to do.
FIRST = "tests/unit/test_music_checks.py"
_GROUPS = {path: group for group, paths in TOGETHER.items() for path in paths}
#: What processes wait for each other at. Files that are there anyway; a lock goes with the process that has it.
DOOR, ROOM = Path(__file__).with_name("conftest.py"), Path(__file__)


def group_of(nodeid: str) -> str:
    """What is run by one process, one test after the other: a file, or files that share a server."""
    path = nodeid.partition("::")[0]
    return _GROUPS.get(path, path)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    from xdist.scheduler import LoadFileScheduling

    class Groups(LoadFileScheduling):  # type: ignore[misc]  # it has no types
        def _split_scope(self, nodeid: str) -> str:
            return group_of(nodeid)

    return Groups(config, log)


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    # Processes that share the tests must name them in one order, and a set that they are made of has another in each.
    items[:] = [
        item
        for _, same in groupby(items, key=lambda item: item.nodeid.partition("[")[0])
        for item in sorted(same, key=lambda item: item.nodeid)
    ]
    items.sort(key=lambda item: not item.nodeid.startswith(FIRST))


# First, so that the time of a test is not running while it waits.
@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item) -> Iterator[None]:
    if not hasattr(item.config, "workerinput"):
        return (yield)
    with turn(alone=item.get_closest_marker("alone") is not None):
        return (yield)


@contextmanager
def turn(*, alone: bool) -> Iterator[None]:
    """Many may be in the room, or one alone. The door is held by whoever waits there, so that nobody is overtaken."""
    with DOOR.open("rb") as door, ROOM.open("rb") as room:
        fcntl.flock(door, fcntl.LOCK_EX)
        fcntl.flock(room, fcntl.LOCK_EX if alone else fcntl.LOCK_SH)
        fcntl.flock(door, fcntl.LOCK_UN)
        try:
            yield
        finally:
            fcntl.flock(room, fcntl.LOCK_UN)
