"""The locks pin everything by hash and name no index, agree with each other and with pyproject.toml; and nothing of
somebody's machine is in what is published.
"""

import re
import shutil
import subprocess
import tomllib
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]
LOCKS = ("requirements.lock", "requirements-dev.lock", "deploy/triton.lock")
PIN = re.compile(r"^([A-Za-z0-9][\w.-]*)==([^\s;]+)")
HASH = re.compile(r"--hash=sha256:[0-9a-f]{64}")
#: Names of places and keys, which no file of this project has a reason to hold.
TELLTALES = {
    "a home directory": re.compile(r"/(?:root|home/\w+|Users/\w+)/"),
    "a private key": re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY"),
    "an access key": re.compile(r"\b(?:AKIA[0-9A-Z]{16}|gh[pousr]_[A-Za-z0-9]{36}|glpat-[\w-]{20})\b"),
    "an address of an index": re.compile(r"(?:--(?:extra-)?index-url|--find-links|PIP_INDEX_URL=|UV_INDEX_URL=)"),
    "a host of somebody's network": re.compile(r"://[\w.-]+\.(?:corp|internal|intranet|lan)\b"),
}
#: Their own text is about such things.
EXEMPT = {"tests/unit/test_locks.py"}


def requirements(text: str) -> Iterator[str]:
    """Each requirement of a lock with its hashes, on one line."""
    joined = re.sub(r"\\\n\s*", "", text)
    yield from (line for line in joined.splitlines() if line and not line.lstrip().startswith("#"))


def pins(lock: str) -> dict[str, str]:
    lines = requirements((ROOT / lock).read_text(encoding="utf-8"))
    return {canonicalize_name(found[1]): found[2] for line in lines if (found := PIN.match(line))}


def flaws(text: str) -> list[str]:
    return [line[:60] for line in requirements(text) if not (PIN.match(line) and HASH.search(line))]


@pytest.mark.parametrize("lock", LOCKS)
def test_every_requirement_is_pinned_and_hashed(lock: str) -> None:
    text = (ROOT / lock).read_text(encoding="utf-8")
    assert flaws(text) == []
    assert pins(lock)


@pytest.mark.parametrize("lock", LOCKS)
def test_no_lock_says_where_packages_come_from(lock: str) -> None:
    text = (ROOT / lock).read_text(encoding="utf-8")
    assert re.findall(r"\S*://\S*|^-{1,2}(?!hash)\S+.*|@ file:.*", text, re.MULTILINE) == []


def test_a_requirement_without_a_hash_or_a_pin_is_found() -> None:
    digest = "0" * 64
    assert flaws(f"a==1 \\\n    --hash=sha256:{digest}\n    # via b\n") == []
    assert flaws("a==1\n") == ["a==1"]
    assert len(flaws(f"a>=1 --hash=sha256:{digest}\n-e .\n--index-url x\n")) == 3


def declared(*extras: str) -> list[Requirement]:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    groups = [project["dependencies"], *(project["optional-dependencies"][extra] for extra in extras)]
    return [Requirement(line) for group in groups for line in group]


@pytest.mark.parametrize(
    ("lock", "extras"),
    [("requirements.lock", ("embedded", "build")), ("requirements-dev.lock", ("embedded", "build", "dev"))],
)
def test_a_lock_holds_what_pyproject_asks_for(lock: str, extras: tuple[str, ...]) -> None:
    pinned = pins(lock)
    for requirement in declared(*extras):
        version = pinned.get(canonicalize_name(requirement.name))
        assert version is not None, f"{requirement.name} is not in {lock}: run make lock"
        assert requirement.specifier.contains(version, prereleases=True), f"{requirement} is locked at {version}"


def test_the_larger_lock_only_adds_to_the_smaller() -> None:
    small, large = pins("requirements.lock"), pins("requirements-dev.lock")
    assert {name: large.get(name) for name in small} == small


def test_the_build_extra_is_what_the_build_asks_for() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    assert set(project["build-system"]["requires"]) <= set(project["project"]["optional-dependencies"]["build"])


def published() -> list[str]:
    """What a clone has. Without git, as in an unpacked archive, that is all there is but what `make` leaves behind."""
    if (ROOT / ".git").exists() and shutil.which("git"):
        argv = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
        listed = subprocess.run(argv, cwd=ROOT, capture_output=True, text=True, check=True).stdout.split("\0")
    else:
        listed = [path.relative_to(ROOT).as_posix() for path in ROOT.rglob("*") if not left_behind(path)]
    return sorted(name for name in listed if name and (ROOT / name).is_file())


def left_behind(path: Path) -> bool:
    ignored = {line.strip("/") for line in (ROOT / ".gitignore").read_text(encoding="utf-8").split()}
    return not ignored.isdisjoint(path.relative_to(ROOT).parts)


def told(text: str) -> Iterable[str]:
    return [what for what, pattern in TELLTALES.items() if pattern.search(text)]


def test_no_published_file_tells_of_a_machine_or_holds_a_secret() -> None:
    names = published()
    assert "pyproject.toml" in names
    found = {
        name: what
        for name in names
        if name not in EXEMPT and (what := told((ROOT / name).read_text(encoding="utf-8", errors="replace")))
    }
    assert found == {}


def test_no_settings_file_with_secrets_is_published() -> None:
    assert [name for name in published() if re.search(r"(^|/)(\.env|\.netrc|\.npmrc|pip\.conf|\.pypirc)$", name)] == []


@pytest.mark.parametrize(
    "text",
    [
        "/home/ada/code/x.py",
        "AKIAIOSFODNN7EXAMPLE",
        "-----BEGIN RSA PRIVATE KEY-----",
        "--index-url x",
        "https://pypi.corp/x",
    ],
)
def test_a_telltale_is_found(text: str) -> None:
    assert told(text)
