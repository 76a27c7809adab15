"""Writes docs/configuration.md and .env.example from the settings classes; with `--check`, only says whether both are
up to date.
"""

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import annotated_types
from pydantic import SecretStr
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from services.gateway.config import GatewaySettings  # noqa: E402  found through the line above, from anywhere
from services.orchestrator.config import OrchestratorSettings  # noqa: E402
from services.scheduler.config import SchedulerSettings  # noqa: E402
from services.worker.config import WorkerSettings  # noqa: E402
from tutti.artifacts.settings import ArtifactSettings  # noqa: E402
from tutti.config import GrpcSettings, ServiceSettings  # noqa: E402
from tutti.weights.settings import WeightsSettings  # noqa: E402

SERVICES = (GatewaySettings, OrchestratorSettings, SchedulerSettings, WorkerSettings)
TYPES: dict[Any, str] = {
    bool: "true or false",
    int: "whole number",
    float: "number",
    str: "text",
    Path: "path",
    Path | None: "path",
    SecretStr: "secret",
    float | None: "number",
    int | None: "whole number",
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Variable:
    name: str
    default: str
    values: str
    meaning: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Section:
    title: str
    intro: str
    variables: tuple[Variable, ...]


#: What the settings classes do not hold.
MODELS = (
    Variable(
        name="JEN1_URL",
        default="",
        values="text",
        meaning="Triton that serves jen1: host:port of its gRPC port, or grpc://host:port. Empty: no worker composes.",
    ),
    Variable(
        name="MUSCGEN_URL",
        default="",
        values="text",
        meaning="Triton that serves muscgen, likewise. Empty: no worker renders.",
    ),
    Variable(
        name="OLLAMA_URL",
        default="",
        values="text",
        meaning="Ollama whose language model reads a request's words, such as http://ollama:11434. Empty: rules do.",
    ),
    Variable(name="OLLAMA_MODEL", default="llama3.2", values="text", meaning="Which of its models is asked."),
    Variable(
        name="TUTTI_FETCH_ALLOWED_NETWORKS",
        default="",
        values="list",
        meaning="Networks, separated by commas, such as 10.1.0.0/16, from which recordings that requests name may be "
        "fetched although they are not on the public internet.",
    ),
    Variable(
        name="TUTTI_TEST_HANDLERS",
        default="0",
        values="0 or 1",
        meaning="Also serve the kinds test.*, of which one kills its worker. Never in production.",
    ),
)
COMMANDS = (
    Variable(
        name="TUTTI_DATA_DIR",
        default=".tutti",
        values="path",
        meaning="Directory of the embedded mesh that `tutti` starts or speaks to.",
    ),
    Variable(
        name="TUTTI_DEBUG",
        default="",
        values="text",
        meaning="Anything: `tutti` shows where an unexpected error came from.",
    ),
)

PREFACE = """\
# Configuration

<!-- Made by scripts/config_docs.py (`make docs`) from the settings classes. Edit those. -->

Every process reads its environment once, at the start. A value that cannot be used stops the start with a line that
names the variable. An empty default means that the variable may be left out.

`tutti up` and `tutti demo` set addresses, ports and directories of their children themselves and hand everything else
on, so `LOG_LEVEL=DEBUG tutti up` does what one would think.

`.env.example` lists the same variables in the form that `docker compose` reads.
"""


def sections() -> list[Section]:
    grpc = tuple(name for name in GrpcSettings.model_fields if not all(_defines(s, name) for s in SERVICES[1:]))
    return [
        Section(
            title="Every service",
            intro="Read by all four.",
            variables=tuple(_variables(ServiceSettings, ServiceSettings.model_fields)),
        ),
        Section(
            title="The gRPC services",
            intro="Read by orchestrator, scheduler and worker.",
            variables=tuple(_variables(GrpcSettings, [name for name in grpc if _defines(GrpcSettings, name)])),
        ),
        *(_of_service(settings) for settings in SERVICES),
        Section(
            title="Models",
            intro="Read by the worker's own handlers.",
            variables=MODELS,
        ),
        Section(
            title="muscgen's engine",
            intro="Read by muscgen inside Triton and by `python -m tutti.weights`; `MUSCGEN_ENGINE` also by workers, "
            "which must be told the same. `models/README.md` says more. Credentials for S3 come from the standard AWS "
            "variables.",
            variables=tuple(_variables(WeightsSettings, WeightsSettings.model_fields)),
        ),
        Section(
            title="Artifacts",
            intro="Read by gateway, orchestrator and worker; all of them must be told the same. Without a bucket, "
            "`ARTIFACT_URL_SECRET` is required. Credentials for S3 come from the standard AWS variables.",
            variables=tuple(_variables(ArtifactSettings, ArtifactSettings.model_fields)),
        ),
        Section(
            title="The command line",
            intro="Read by `tutti`, besides `TUTTI_ORCHESTRATORS` and `TUTTI_SCHEDULERS`.",
            variables=COMMANDS,
        ),
    ]


def _of_service(settings: type[ServiceSettings]) -> Section:
    name = settings.__name__.removesuffix("Settings")
    own = [field for field in settings.model_fields if _defines(settings, field)]
    return Section(
        title=name,
        intro=f"`python -m services.{name.lower()}`",
        variables=tuple(_variables(settings, own)),
    )


def _defines(settings: type[BaseSettings], field: str) -> bool:
    return field in settings.__annotations__


def _variables(settings: type[BaseSettings], names: Any) -> Iterator[Variable]:
    for name in names:
        field = settings.model_fields[name]
        yield Variable(
            name=variable_name(settings, name),
            default=_default(field.default),
            values=_values(field),
            meaning=field.description or "",
        )


def variable_name(settings: type[BaseSettings], field: str) -> str:
    alias = settings.model_fields[field].validation_alias
    return str(alias) if alias else f"{settings.model_config.get('env_prefix', '')}{field}".upper()


def _default(value: Any) -> str:
    if isinstance(value, SecretStr):
        return value.get_secret_value()
    if value is None:
        return ""
    if isinstance(value, tuple):
        return ",".join(value)
    if isinstance(value, dict):
        return ",".join(f"{name}={number}" for name, number in value.items())
    if isinstance(value, bool):
        return str(value).lower()
    return f"{value:g}" if isinstance(value, float) else str(value)


def _values(field: FieldInfo) -> str:
    # A list in the environment is text; its description says how it is separated.
    kind = TYPES.get(field.annotation, "list")
    limits = [limit for each in field.metadata if (limit := _limit(each))]
    return ", ".join([kind, *limits])


def _limit(constraint: object) -> str:
    match constraint:
        case annotated_types.Ge(ge=low):
            return f"at least {low}"
        case annotated_types.Gt(gt=low):
            return f"more than {low}"
        case annotated_types.Le(le=high):
            return f"at most {high}"
        case annotated_types.MaxLen(max_length=most):
            return f"at most {most} characters"
    return ""


def markdown() -> str:
    lines = [PREFACE]
    for section in sections():
        lines += [f"## {section.title}", "", section.intro, "", "| variable | default | values | meaning |"]
        lines += ["|---|---|---|---|", *map(_row, section.variables), ""]
    return "\n".join(lines)


def _row(variable: Variable) -> str:
    default = f"`{variable.default}`" if variable.default else ""
    return f"| `{variable.name}` | {default} | {variable.values} | {variable.meaning} |"


def env_example() -> str:
    lines = [
        "# Every variable with its default; docs/configuration.md says more. Copy this file to .env for docker compose",
        "# and take the # away from what you change. Made by scripts/config_docs.py (`make docs`).",
    ]
    for section in sections():
        lines += ["", f"# {section.title}: {section.intro}"]
        for variable in section.variables:
            lines += ["", f"# {variable.meaning}", f"#{variable.name}={variable.default}"]
    return "\n".join(lines) + "\n"


def rendered() -> dict[Path, str]:
    return {ROOT / "docs" / "configuration.md": markdown(), ROOT / ".env.example": env_example()}


def main() -> int:
    stale = 0
    for path, text in rendered().items():
        if "--check" not in sys.argv[1:]:
            path.write_text(text, encoding="utf-8")
        elif not path.exists() or path.read_text(encoding="utf-8") != text:
            print(f"{path.relative_to(ROOT)} is out of date; run make docs", file=sys.stderr)  # noqa: T201  a command line
            stale = 1
    return stale


if __name__ == "__main__":
    sys.exit(main())
