"""Every command, path, module, call and variable that the pages name is there."""

import importlib.util
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer.main

from tutti.cli.main import app
from tutti.v1 import orchestrator_pb2, scheduler_pb2, worker_pb2

ROOT = Path(__file__).parents[2]
PAGES = sorted(
    [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *(ROOT / top / "README.md" for top in ("models", "music"))]
)
MAKEFILE = (ROOT / "Makefile").read_text(encoding="utf-8")
#: Lines within which a reader of the README has seen a result.
FIRST_RESULT = 60
#: Not ours: services that every gRPC server has.
STANDARD_CALLS = re.compile(r"^grpc\.")
#: What a path in a page may start with to be taken for one of the repository's.
TOPS = {".ci", *(path.name for path in ROOT.iterdir() if path.is_dir() and not path.name.startswith("."))}
#: What running things leaves behind.
LEFT_BEHIND = ("demo/", "dist/")


def fences(text: str) -> list[str]:
    return re.findall(r"^```\w*\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)


def spans(text: str) -> list[str]:
    prose = re.sub(r"^```.*?^```$", "", text, flags=re.MULTILINE | re.DOTALL)
    return [" ".join(found.split()) for found in re.findall(r"`([^`]+)`", prose)]


def commands(text: str) -> Iterator[str]:
    """What a reader could type: lines of blocks, with those that they go on in, and code within sentences."""
    for fence in fences(text):
        for line in re.sub(r"\\\n\s*", " ", fence).splitlines():
            yield line.strip().removeprefix("$ ")
    yield from spans(text)


def make_targets(text: str) -> set[str]:
    return {found[1] for line in commands(text) if (found := re.match(r"make ([a-z-]+)\b", line))}


def tutti_commands(text: str) -> Iterator[list[str]]:
    for line in commands(text):
        if found := re.match(r"(?:[A-Z_]+=\S+ )*tutti ([a-z]+)\b(.*)", line):
            yield [found[1], *re.findall(r"(?<=\s)--[a-z-]+", found[2])]


def modules(text: str) -> set[str]:
    named = r"python -m ((?:tutti|services|bench|music)[\w.]*)"
    return {found for line in commands(text) for found in re.findall(named, line)}


def calls(text: str) -> set[str]:
    return set(re.findall(r"\b((?:tutti|grpc)\.[\w.]+/[A-Z]\w+)", text))


def paths(page: Path, text: str) -> Iterator[tuple[str, Path]]:
    for target in re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", text):
        if "://" not in target:
            yield target, page.parent / target
    for span in spans(text):
        if re.fullmatch(r"[\w.-]+(?:/[\w.-]*)+", span) and span.partition("/")[0] in TOPS:
            if not span.startswith(LEFT_BEHIND):
                yield span, ROOT / span
        elif re.fullmatch(r"[\w.-]+\.(?:toml|lock|yml|yaml|sh)|Makefile|Dockerfile", span) and span != "pyproject.toml":
            yield span, ROOT / span


def problems(page: Path, text: str) -> list[str]:
    targets = set(re.findall(r"^([a-z-]+):", MAKEFILE, re.MULTILINE))
    found = [f"no target: make {name}" for name in sorted(make_targets(text) - targets)]
    # A group of commands, of a class that depends on which click typer comes with.
    known: Any = typer.main.get_command(app)
    for name, *options in tutti_commands(text):
        command = known.commands.get(name)
        if command is None:
            found.append(f"no command: tutti {name}")
            continue
        has = {option for parameter in command.params for option in parameter.opts}
        found += [f"no option: tutti {name} {option}" for option in options if option not in has | {"--help"}]
    found += [f"no module: {name}" for name in sorted(modules(text)) if not runnable(name)]
    found += [
        f"no call: {name}" for name in sorted(calls(text)) if not STANDARD_CALLS.match(name) and not answered(name)
    ]
    found += [f"no path: {name}" for name, path in paths(page, text) if not path.exists()]
    return found


def runnable(module: str) -> bool:
    spec = importlib.util.find_spec(module)
    if spec is None:
        return False
    return spec.submodule_search_locations is None or importlib.util.find_spec(f"{module}.__main__") is not None


def answered(call: str) -> bool:
    service, _, method = call.partition("/")
    for module in (orchestrator_pb2, scheduler_pb2, worker_pb2):
        for known in module.DESCRIPTOR.services_by_name.values():
            if known.full_name == service:
                return method in known.methods_by_name
    return False


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_what_a_page_names_is_there(page: Path) -> None:
    assert problems(page, page.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("`make gold`", "no target: make gold"),
        ("```\nmake gold\n```", "no target: make gold"),
        ("`tutti sing`", "no command: tutti sing"),
        ("```\n$ tutti submit x --loudly\n```", "no option: tutti submit --loudly"),
        ("`python -m services.singer`", "no module: services.singer"),
        ("```\ngrpcurl x tutti.v1.OrchestratorService/Sing\n```", "no call: tutti.v1.OrchestratorService/Sing"),
        ("[a page](gone.md)", "no path: gone.md"),
        ("`services/singer/`", "no path: services/singer/"),
    ],
)
def test_what_is_not_there_is_found(text: str, problem: str) -> None:
    assert problems(ROOT / "README.md", text) == [problem]


def test_the_readme_shows_a_result_soon() -> None:
    begin = (ROOT / "README.md").read_text(encoding="utf-8").splitlines()[:FIRST_RESULT]
    assert "make demo" in begin
    assert "make test" in begin
    assert any(line.startswith("Listen: ") for line in begin)


def test_every_page_is_within_reach_of_the_readme() -> None:
    reached, todo = set[Path](), [ROOT / "README.md"]
    while todo:
        page = todo.pop()
        if page in reached or page.suffix != ".md":
            continue
        reached.add(page)
        todo += [(page.parent / target).resolve() for target in links(page)]
    assert set(PAGES) - reached == {ROOT / "CHANGELOG.md"}


def links(page: Path) -> list[str]:
    found = re.findall(r"\]\(([^)#\s]+)", page.read_text(encoding="utf-8"))
    return [target for target in found if "://" not in target]


def test_every_direct_dependency_says_why_it_is_there() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    groups = [project["dependencies"], *project["optional-dependencies"].values()]
    direct = {re.split(r"[<>=\[]", line)[0] for group in groups for line in group}
    listed = re.findall(
        r"^\| `([\w-]+)` \| [^|]+ \| [^|]+ \| [^|]+ \|$", page_text("docs/dependencies.md"), re.MULTILINE
    )
    assert sorted(listed) == sorted(direct)


def test_every_variable_that_a_page_names_is_in_the_configuration() -> None:
    listed = set(re.findall(r"^\| `([A-Z0-9_]+)` \|", page_text("docs/configuration.md"), re.MULTILINE))
    for page in PAGES:
        named = {
            span
            for span in spans(page.read_text(encoding="utf-8"))
            if re.fullmatch(r"(?:TUTTI|ARTIFACT)_[A-Z_]+", span)
        }
        assert named <= listed, page


def page_text(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def test_every_target_has_a_line_of_help() -> None:
    targets = re.findall(r"^([a-z-]+):(.*)$", MAKEFILE, re.MULTILINE)
    assert {name for name, _ in targets} >= {"help", "setup", "demo", "up", "test", "lint", "proto", "bench", "chaos"}
    assert [name for name, rest in targets if "## " not in rest] == []
