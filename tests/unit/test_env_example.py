"""What is written about the configuration is what the code reads."""

import importlib.util
import re
import sys
from pathlib import Path
from types import ModuleType

import pytest

from tests.conftest import is_scrubbed
from tutti.artifacts.settings import ArtifactSettings
from tutti.config import ServiceSettings

ROOT = Path(__file__).parents[2]
#: How code outside the settings classes asks for a variable.
READS = re.compile(r"""(?:environ(?:ment)?(?:\.get\(|\[)|getenv\(|envvar=)["']([A-Z][A-Z0-9_]+)["']""")


@pytest.fixture(scope="module")
def documents() -> ModuleType:
    spec = importlib.util.spec_from_file_location("config_docs", ROOT / "scripts" / "config_docs.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    # Dataclasses look their module up there.
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def written(documents: ModuleType) -> set[str]:
    return {variable.name for section in documents.sections() for variable in section.variables}


def test_both_documents_are_what_the_settings_say(documents: ModuleType) -> None:
    for path, text in documents.rendered().items():
        assert path.read_text(encoding="utf-8") == text, "run make docs"


def test_every_field_of_every_service_is_listed_with_its_default_and_meaning(documents: ModuleType) -> None:
    page = (ROOT / "docs" / "configuration.md").read_text(encoding="utf-8")
    example = (ROOT / ".env.example").read_text(encoding="utf-8").splitlines()
    for settings in (*documents.SERVICES, ArtifactSettings):
        for name, field in settings.model_fields.items():
            variable = documents.variable_name(settings, name)
            assert field.description, f"{settings.__name__}.{name} says not what it means"
            # The three gRPC services define the port anew, so that of their common base is never used.
            assert f"| `{variable}` |" in page
            assert f"| {field.description} |" in page
            assert any(line.startswith(f"#{variable}=") for line in example)


def test_every_settings_class_is_documented(documents: ModuleType) -> None:
    for path in sorted((ROOT / "services").glob("*/config.py")):
        spec = importlib.import_module(f"services.{path.parent.name}.config")
        own = [each for each in vars(spec).values() if isinstance(each, type) and each.__module__ == spec.__name__]
        assert {each for each in own if issubclass(each, ServiceSettings)} <= set(documents.SERVICES), path


def test_nothing_reads_a_variable_that_is_not_written_down(documents: ModuleType) -> None:
    sources = [path for top in ("tutti", "services") for path in (ROOT / top).rglob("*.py")]
    read = {name for path in sources for name in READS.findall(path.read_text(encoding="utf-8"))}
    assert "JEN1_URL" in read
    # The library path belongs to the dynamic linker.
    assert read - {"LD_LIBRARY_PATH", "PATH"} <= written(documents)


def test_tests_see_none_of_the_variables_of_this_machine(documents: ModuleType) -> None:
    assert [name for name in sorted(written(documents)) if not is_scrubbed(name)] == []
