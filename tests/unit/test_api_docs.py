"""The reference in docs/api is what protos and routes say, and says all of it."""

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tutti.v1 import artifact_pb2, job_pb2, orchestrator_pb2, scheduler_pb2, task_pb2, worker_pb2

ROOT = Path(__file__).parents[2]
API = ROOT / "docs" / "api"
FILES = (artifact_pb2, job_pb2, orchestrator_pb2, scheduler_pb2, task_pb2, worker_pb2)


def test_the_reference_is_fresh() -> None:
    argv = [sys.executable, str(ROOT / "scripts" / "api_docs.py"), "--check"]
    checked = subprocess.run(argv, capture_output=True, text=True, timeout=60, check=False)
    assert checked.returncode == 0, checked.stderr


@pytest.mark.parametrize("module", FILES, ids=lambda module: module.DESCRIPTOR.name)
def test_every_call_message_and_value_is_described(module: Any) -> None:
    descriptor = module.DESCRIPTOR
    page = (API / Path(descriptor.name).with_suffix(".md").name).read_text(encoding="utf-8")
    for service in descriptor.services_by_name.values():
        assert all(f"### {method.name}\n" in page for method in service.methods)
    for message in descriptor.message_types_by_name.values():
        assert f"## {message.name}\n" in page
    rows = re.findall(r"^\| `\w+` \|[^|]+\|(.*)\|$", page, re.MULTILINE)
    assert all(meaning.strip() for meaning in rows)


def test_every_link_leads_to_a_heading() -> None:
    anchors = {page.name: set(headings(page)) for page in API.glob("*.md")}
    for page in API.glob("*.md"):
        for target, anchor in re.findall(r"\]\(([\w.]*)#([\w-]+)\)", page.read_text(encoding="utf-8")):
            assert anchor in anchors[target or page.name], f"{page.name}: {target}#{anchor}"


def headings(page: Path) -> list[str]:
    found = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return [re.sub(r"[^\w -]", "", heading).lower().replace(" ", "-") for heading in found]
