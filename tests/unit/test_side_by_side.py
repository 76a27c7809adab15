"""Tests in several processes: files that share a server stay together, and who asks for the machine has it alone."""

import fcntl
import re
import threading
from pathlib import Path

import pytest

from tests import side_by_side
from tests.side_by_side import FIRST, TOGETHER, group_of, turn

ROOT = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def own_lock(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not the one that this very test may be running under."""
    for name in ("DOOR", "ROOM"):
        (tmp_path / name).touch()
        monkeypatch.setattr(side_by_side, name, tmp_path / name)


def test_files_that_share_a_server_are_run_by_one_process_and_others_by_themselves() -> None:
    for paths in TOGETHER.values():
        assert len({group_of(f"{path}::test_something[a::b]") for path in paths}) == 1
        assert all((ROOT / path).is_file() for path in (*paths, FIRST))
    assert group_of("tests/unit/test_ids.py::TestIds::test_one") == "tests/unit/test_ids.py"


def test_every_file_that_uses_the_mesh_of_e2e_is_named() -> None:
    uses = re.compile(r"^(?:async )?def test_\w+\([^)]*\b(?:mesh|client|http): ", re.MULTILINE)
    shares = set()
    for path in (ROOT / "tests/e2e").glob("test_*.py"):
        source = path.read_text()
        if uses.search(source) and not re.search(r"def (?:mesh|client|http)\(", source):
            shares.add(str(path.relative_to(ROOT)))
    assert shares == set(TOGETHER["the mesh of e2e"])


def test_cases_of_one_test_stand_in_one_order_and_tests_in_the_order_of_their_file(
    request: pytest.FixtureRequest,
) -> None:
    def named(name: str) -> pytest.Item:
        return pytest.Function.from_parent(request.node.parent, name=name, callobj=lambda: None)

    items = [named(name) for name in ("test_b[2]", "test_b[1]", "test_a", "test_b[0]")]
    side_by_side.pytest_collection_modifyitems(items)
    assert [item.name for item in items] == ["test_b[1]", "test_b[2]", "test_a", "test_b[0]"]


def test_who_is_alone_waits_for_those_inside_and_later_ones_wait_for_it() -> None:
    said: list[str] = []

    def visit(name: str, *, alone: bool) -> None:
        with turn(alone=alone):
            said.append(name)

    visitors = [
        threading.Thread(target=visit, args=("alone",), kwargs={"alone": True}),
        threading.Thread(target=visit, args=("later",), kwargs={"alone": False}),
    ]
    with turn(alone=False), turn(alone=False):
        visitors[0].start()
        while not held(side_by_side.DOOR):
            assert visitors[0].is_alive()
        visitors[1].start()
        said.append("first")
    for visitor in visitors:
        visitor.join(10)
    assert said == ["first", "alone", "later"]


def held(door: Path) -> bool:
    with door.open("rb") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False
