"""Imports point one way: services → tutti, handlers → music, models → music, and nobody back. Read from the sources, so
that an import inside a function or for type checkers only counts like any other.
"""

import ast
import sys
from collections.abc import Iterator, Mapping
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TOPS = ("tutti", "services", "music", "models")
#: What music may know besides itself.
MUSIC_NEEDS = frozenset({"PIL", "mido", "numpy", "scipy", "soundfile", "soxr"}) | sys.stdlib_module_names
#: Behind a sampled engine only, and only once its weights are loaded.
NEURAL_NEEDS = MUSIC_NEEDS | {"torch", "transformers"}
MODELS_NEED = MUSIC_NEEDS | {"music", "triton_python_backend_utils"}
#: Values in, values out: no clock, no I/O, no chance.
PURE = (
    "services.orchestrator.attempts",
    "services.orchestrator.caching",
    "services.orchestrator.job",
    "services.orchestrator.orders",
    "services.orchestrator.store.values",
    "services.orchestrator.job_again",
    "services.orchestrator.job_record",
    "services.orchestrator.plan.compiler",
    "services.orchestrator.plan.graph",
    "services.orchestrator.plan.inputs",
    "services.orchestrator.plan.kinds",
    "services.orchestrator.plan.music",
    "services.orchestrator.plan.music_options",
    "services.orchestrator.plan.single",
    "services.scheduler.capacity",
    "services.scheduler.fleet",
    "services.scheduler.limits",
    "services.scheduler.lost",
    "services.scheduler.orders",
    "services.scheduler.placement",
    "services.scheduler.queue",
    "services.scheduler.turns",
)
IMPURE = frozenset({"asyncio", "grpc", "os", "random", "redis", "secrets", "socket", "subprocess", "threading", "time"})

#: Module → what it imports: our own modules by their full name, others' too.
Tree = Mapping[str, frozenset[str]]


def modules(root: Path) -> dict[str, Path]:
    found = {}
    for top in TOPS:
        for path in sorted((root / top).rglob("*.py")):
            parts = path.relative_to(root).with_suffix("").parts
            found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


def read(root: Path) -> Tree:
    known = modules(root)
    return {name: frozenset(imported_by(name, path, known)) for name, path in known.items()}


def imported_by(module: str, path: Path, known: Mapping[str, Path]) -> Iterator[str]:
    package = module.split(".") if path.name == "__init__.py" else module.split(".")[:-1]
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = package[: len(package) - node.level + 1] if node.level else []
            base = ".".join([*above, *([node.module] if node.module else [])])
            for alias in node.names:
                # `from package import name` means the module package.name where there is one.
                yield f"{base}.{alias.name}" if f"{base}.{alias.name}" in known else base


def objection(importer: str, imported: str) -> str | None:
    """Why this import must not be; None where it may."""
    top, other = importer.partition(".")[0], imported.partition(".")[0]
    if imported.endswith(".__main__"):
        return "nobody imports a __main__"
    needs = NEURAL_NEEDS if within(importer, ("music.neural",)) else MUSIC_NEEDS
    if top == "music" and other != "music" and other not in needs:
        return "music knows music only"
    if top == "models" and other not in MODELS_NEED:
        return "models know music only"
    if top == "tutti" and other in ("services", "music", "models"):
        return "what all share knows none of them"
    if top == "services" and other == "services" and service_of(importer) != service_of(imported):
        return "services never import each other"
    if top == "services" and other in ("music", "models") and not importer.startswith("services.worker.handlers"):
        return "only handlers know music"
    if within(importer, PURE) and other in IMPURE:
        return "this module is pure"
    return None


def service_of(module: str) -> str:
    return ".".join(module.split(".")[:2])


def within(module: str, packages: tuple[str, ...]) -> bool:
    return any(module == package or module.startswith(f"{package}.") for package in packages)


def wrong_arrows(tree: Tree) -> list[str]:
    return [
        f"{importer} imports {imported}: {reason}"
        for importer, imports in sorted(tree.items())
        for imported in sorted(imports)
        if (reason := objection(importer, imported))
    ]


def cycle(tree: Tree) -> list[str]:
    own = {module: {each for each in imports if each in tree} for module, imports in tree.items()}
    try:
        TopologicalSorter(own).prepare()
    except CycleError as error:
        return list(error.args[1])
    return []


def test_no_import_points_the_wrong_way() -> None:
    assert wrong_arrows(read(ROOT)) == []


def test_no_modules_import_each_other_in_a_circle() -> None:
    assert cycle(read(ROOT)) == []


def test_every_pure_module_is_there() -> None:
    assert set(PURE) <= read(ROOT).keys()


@pytest.mark.parametrize(
    ("module", "line", "reason"),
    [
        ("services/gateway/app.py", "from services.worker import runner", "services never import each other"),
        ("services/gateway/app.py", "import services.worker.runner", "services never import each other"),
        ("services/gateway/app.py", "from ..worker import runner", "services never import each other"),
        (
            "services/gateway/app.py",
            "def late():\n    import services.worker.runner",
            "services never import each other",
        ),
        ("services/worker/runner.py", "from music import plan", "only handlers know music"),
        ("services/worker/__init__.py", "from services.gateway import __main__", "nobody imports a __main__"),
        ("services/scheduler/queue.py", "import time", "this module is pure"),
        ("music/render.py", "import grpc", "music knows music only"),
        ("music/render.py", "from tutti import errors", "music knows music only"),
        ("music/render.py", "import torch", "music knows music only"),
        ("models/jen1/1/model.py", "from tutti import errors", "models know music only"),
        (
            "tutti/rpc.py",
            "if TYPE_CHECKING:\n    from services.gateway import app",
            "what all share knows none of them",
        ),
        ("tutti/rpc.py", "import music", "what all share knows none of them"),
    ],
)
def test_a_wrong_arrow_is_found(module: str, line: str, reason: str, tmp_path: Path) -> None:
    small_tree(tmp_path)
    assert wrong_arrows(read(tmp_path)) == []
    (tmp_path / module).write_text(f"{line}\n")
    assert [found.rpartition(": ")[2] for found in wrong_arrows(read(tmp_path))] == [reason]


def test_a_cycle_is_found_even_through_late_imports(tmp_path: Path) -> None:
    small_tree(tmp_path)
    (tmp_path / "tutti/rpc.py").write_text("from tutti import errors\n")
    assert cycle(read(tmp_path)) == []
    (tmp_path / "tutti/errors.py").write_text("def late():\n    from tutti import rpc\n")
    assert {"tutti.rpc", "tutti.errors"} <= set(cycle(read(tmp_path)))


def small_tree(root: Path) -> None:
    for module in (
        "services/__init__.py",
        "services/gateway/__init__.py",
        "services/gateway/__main__.py",
        "services/gateway/app.py",
        "services/scheduler/queue.py",
        "services/worker/__init__.py",
        "services/worker/runner.py",
        "services/worker/handlers/__init__.py",
        "music/__init__.py",
        "music/plan.py",
        "music/render.py",
        "models/jen1/1/model.py",
        "tutti/__init__.py",
        "tutti/errors.py",
        "tutti/rpc.py",
    ):
        (root / module).parent.mkdir(parents=True, exist_ok=True)
        (root / module).touch()
