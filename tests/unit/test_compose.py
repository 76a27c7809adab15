"""docker-compose.yml and the Dockerfile, which no engine runs here, held against the code: what they name is there, and
every process would start with what it is told.
"""

import copy
import importlib
import importlib.util
import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any, cast

import pytest
import yaml
from pydantic import ValidationError
from pydantic_settings import BaseSettings

from tutti import rpc
from tutti.artifacts.settings import ArtifactSettings
from tutti.artifacts.settings import build as build_store
from tutti.client.client import ORCHESTRATOR, SCHEDULER
from tutti.config import ServiceSettings
from tutti.v1 import worker_pb2

ROOT = Path(__file__).parents[2]
COMPOSE = ROOT / "docker-compose.yml"
DOCKERFILE = (ROOT / "Dockerfile").read_text(encoding="utf-8")
#: Read by handlers, not by a settings class.
HANDLERS_READ = {"worker": {"JEN1_URL", "MUSCGEN_URL", "OLLAMA_MODEL", "OLLAMA_URL", "TUTTI_FETCH_ALLOWED_NETWORKS"}}
KEEP_ARTIFACTS = {"gateway", "orchestrator", "worker"}
#: Where others listen unless told otherwise.
FOREIGN_PORTS = {"redis": {6379}, "triton": {8000, 8001, 8002}}
ADDRESSES = re.compile(r"^(?:[a-z]+://)?([a-z]+):(\d+)(?:/0)?$")
PLACEHOLDER = re.compile(r"\$\{([A-Z0-9_]+)(?::([-?])([^}]*))?\}")

Document = dict[str, Any]


def load() -> Document:
    return cast(Document, yaml.safe_load(COMPOSE.read_text(encoding="utf-8")))


def ours(document: Document) -> dict[str, Document]:
    return {name: each for name, each in document["services"].items() if each["image"] == "tutti/mesh"}


def settings_of(service: str) -> type[ServiceSettings]:
    module = importlib.import_module(f"services.{service}.config")
    return cast(type[ServiceSettings], getattr(module, f"{service.capitalize()}Settings"))


def variables(settings: type[BaseSettings]) -> set[str]:
    prefix = str(settings.model_config.get("env_prefix", "")).upper()
    return {str(field.validation_alias or prefix + name.upper()) for name, field in settings.model_fields.items()}


def environment(service: Document) -> dict[str, str]:
    """What a container is told when .env holds only what it must hold."""

    def filled(found: re.Match[str]) -> str:
        return found[3] if found[2] == "-" else "a secret of at least sixteen bytes"

    return {name: PLACEHOLDER.sub(filled, str(value)) for name, value in service["environment"].items()}


def findings(document: Document, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    found = []
    for name, service in ours(document).items():
        found += [f"{name}: {problem}" for problem in problems(name, service, document, monkeypatch)]
    return found


def problems(name: str, service: Document, document: Document, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    (module,) = service["command"]
    if not (ROOT / module.replace(".", "/") / "__main__.py").is_file():
        return [f"no module {module}"]
    told, settings = environment(service), settings_of(module.removeprefix("services."))
    known = variables(settings) | HANDLERS_READ.get(name, set())
    known |= variables(ArtifactSettings) if name in KEEP_ARTIFACTS else set()
    found = [f"nobody reads {variable}" for variable in sorted(told.keys() - known)]
    with monkeypatch.context() as patched:
        for variable, value in told.items():
            patched.setenv(variable, value)
        try:
            port = settings().model_dump()["port"]
            if name in KEEP_ARTIFACTS:
                build_store(ArtifactSettings())
        except ValidationError as error:
            return [*found, f"would not start: {error}"]
    found += [problem for value in told.values() if (problem := unreachable(value, document))]
    asked = " ".join(service["healthcheck"]["test"])
    if f"127.0.0.1:{port}" not in asked:
        found.append(f"its health check does not ask port {port}")
    return found


def unreachable(value: str, document: Document) -> str | None:
    """What is wrong with a value that is an address within the mesh."""
    address = ADDRESSES.match(value)
    if address is None:
        return None
    host, port = address[1], int(address[2])
    if host in FOREIGN_PORTS:
        return None if port in FOREIGN_PORTS[host] else f"{host} does not listen on {port}"
    if host not in ours(document):
        return f"there is no {host}"
    told = environment(document["services"][host])
    return None if str(port) in (told.get("TUTTI_PORT"), told.get("PORT")) else f"{host} does not listen on {port}"


def test_every_process_would_start_with_what_it_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    assert set(ours(load())) == {path.parent.name for path in (ROOT / "services").glob("*/__main__.py")}
    assert findings(load(), monkeypatch) == []


@pytest.mark.parametrize(
    ("service", "variable", "value", "problem"),
    [
        ("worker", "TUTTI_SCHEDULER", "scheduler:7200", "worker: nobody reads TUTTI_SCHEDULER"),
        ("worker", "TUTTI_SCHEDULERS", "scheduler:7201", "worker: scheduler does not listen on 7201"),
        ("gateway", "TUTTI_ORCHESTRATORS", "conductor:7100", "gateway: there is no conductor"),
        ("gateway", "PORT", "7071", "gateway: its health check does not ask port 7071"),
        ("scheduler", "ARTIFACT_DIR", "/data", "scheduler: nobody reads ARTIFACT_DIR"),
        ("worker", "JEN1_URL", "grpc://triton:8003", "worker: triton does not listen on 8003"),
        ("worker", "WORKER_CONCURRENCY", "many", "worker: would not start: "),
    ],
)
def test_a_change_that_would_break_a_process_is_found(
    service: str, variable: str, value: str, problem: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    document = copy.deepcopy(load())
    document["services"][service]["environment"][variable] = value
    assert [found for found in findings(document, monkeypatch) if found.startswith(problem)]


def test_a_module_that_was_renamed_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    document = copy.deepcopy(load())
    document["services"]["worker"]["command"] = ["services.labourer"]
    assert findings(document, monkeypatch) == ["worker: no module services.labourer"]


def test_health_checks_ask_for_services_that_are_there() -> None:
    asked = {name: service["healthcheck"]["test"] for name, service in ours(load()).items()}
    worker = worker_pb2.DESCRIPTOR.services_by_name["WorkerService"].full_name
    assert asked["orchestrator"][-1] == ORCHESTRATOR
    assert asked["worker"][-1] == worker
    # A standby is well, so the process is asked and not the service.
    assert SCHEDULER not in asked["scheduler"]
    for name in ("orchestrator", "scheduler", "worker"):
        assert asked[name][:4] == ["CMD", "python", "-m", "tutti.health"]
    assert importlib.util.find_spec("tutti.health") is not None


def test_there_is_a_standby_and_one_name_leads_to_all_schedulers() -> None:
    document = load()
    assert document["services"]["scheduler"]["deploy"]["replicas"] >= 2
    for name in ("orchestrator", "worker"):
        schedulers = environment(document["services"][name])["TUTTI_SCHEDULERS"]
        assert rpc.target(schedulers.split(",")) == f"dns:///{schedulers}"


def test_nothing_is_published_beyond_this_machine() -> None:
    document = load()
    published = [port for service in document["services"].values() for port in service.get("ports", [])]
    assert published == [f"127.0.0.1:{port}:{port}" for port in [environment(document["services"]["gateway"])["PORT"]]]


def test_every_replica_chooses_its_own_name() -> None:
    assert not any("TUTTI_INSTANCE" in service["environment"] for service in ours(load()).values())


def test_work_in_hand_has_its_grace_before_a_container_is_killed() -> None:
    for service in ours(load()).values():
        grace = float(environment(service)["TUTTI_GRACE_SECONDS"])
        assert float(service["stop_grace_period"].removesuffix("s")) > grace + 5


def test_whoever_keeps_artifacts_is_told_the_same() -> None:
    services = ours(load())
    told = [
        {name: value for name, value in environment(services[name_]).items() if name in variables(ArtifactSettings)}
        for name_ in sorted(KEEP_ARTIFACTS)
    ]
    assert all(each == told[0] for each in told)
    for name in KEEP_ARTIFACTS:
        assert f"artifacts:{told[0]['ARTIFACT_DIR']}" in services[name]["volumes"]


def test_every_volume_network_and_dependency_is_declared() -> None:
    document = load()
    for service in document["services"].values():
        assert set(service["networks"]) <= document["networks"].keys()
        assert {volume.partition(":")[0] for volume in service.get("volumes", [])} <= document["volumes"].keys()
        for name, dependency in service.get("depends_on", {}).items():
            needs_check = dependency["condition"] == "service_healthy"
            assert not needs_check or "healthcheck" in document["services"][name]


def test_every_variable_that_compose_asks_for_is_in_the_example() -> None:
    example = (ROOT / ".env.example").read_text(encoding="utf-8")
    asked = {found[0] for found in PLACEHOLDER.findall(COMPOSE.read_text(encoding="utf-8"))}
    assert asked
    assert [name for name in sorted(asked) if f"#{name}=" not in example] == []


def test_redis_keeps_what_it_acknowledged() -> None:
    command = " ".join(load()["services"]["redis"]["command"])
    for option in ("--appendonly yes", "--appendfsync always", "--maxmemory-policy noeviction"):
        assert option in command


def test_every_image_that_is_built_has_its_stage() -> None:
    stages = set(re.findall(r"^FROM \S+ AS (\w+)$", DOCKERFILE, re.MULTILINE))
    built = {service["build"]["target"] for service in load()["services"].values() if "build" in service}
    assert built == stages - {"build"}


def test_everything_that_is_copied_is_there_and_reaches_the_builder() -> None:
    copied = [
        source
        for line in re.findall(r"^COPY (?!--from)(.+)$", DOCKERFILE, re.MULTILINE)
        for source in line.split()[:-1]
    ]
    assert len(copied) > 5
    let_through = (ROOT / ".dockerignore").read_text(encoding="utf-8").split()
    for source in copied:
        assert (ROOT / source).exists(), source
        assert f"!{source}" in let_through, source


def test_everything_that_a_wheel_is_made_of_is_copied() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    wheel = project["tool"]["hatch"]["build"]["targets"]["wheel"]
    needed = {*wheel["packages"], *wheel["force-include"], project["project"]["readme"]}
    assert [name for name in sorted(needed) if not re.search(rf"^COPY .*\b{re.escape(name)}\b", DOCKERFILE, re.M)] == []


def test_images_install_by_hash_and_run_without_root() -> None:
    installs = re.findall(r"pip install .*?(?=\n[A-Z])", DOCKERFILE, re.DOTALL)
    assert all("--require-hashes" in each or "--no-deps ." in each for each in installs)
    for stage in ("mesh", "triton"):
        body = DOCKERFILE.partition(f" AS {stage}\n")[2].partition("\nFROM ")[0]
        assert re.search(r"^USER (?!root|0\b)\w+$", body, re.MULTILINE), stage
        assert "HEALTHCHECK" in body


def test_triton_loads_every_model() -> None:
    models = sorted(path.parent.name for path in (ROOT / "models").glob("*/config.pbtxt"))
    assert sorted(re.findall(r"--load-model=(\w+)", DOCKERFILE)) == models


def test_the_models_image_is_pinned_to_what_the_mesh_is_tested_with() -> None:
    def pins(path: Path) -> dict[str, str]:
        return dict(re.findall(r"^([a-z0-9-]+)==(\S+)", path.read_text(encoding="utf-8"), re.MULTILINE))

    models, mesh = pins(ROOT / "deploy" / "triton.lock"), pins(ROOT / "requirements.lock")
    assert {"mido", "numpy", "pillow", "scipy", "soundfile", "soxr"} <= set(models)
    assert all(mesh[name] == version for name, version in models.items())


def test_a_container_tells_its_peers_an_address_that_they_can_reach(tmp_path: Path) -> None:
    (tmp_path / "spoken.py").write_text("import os, sys; print(os.environ.get('TUTTI_ADVERTISE'), *sys.argv[1:])")
    environ = {"PATH": os.environ["PATH"], "PYTHONPATH": str(tmp_path)}

    def said(*arguments: str, **more: str) -> str:
        argv = [sys.executable, str(ROOT / "deploy" / "entrypoint.py"), "spoken", *arguments]
        return subprocess.run(argv, env={**environ, **more}, capture_output=True, text=True, check=True).stdout.strip()

    host, _, port = said(TUTTI_PORT="7300").rpartition(":")
    assert port == "7300"
    assert re.fullmatch(r"[\d.]+", host)
    assert host != "0.0.0.0"  # noqa: S104  it is refused here
    assert said(TUTTI_PORT="7300", TUTTI_ADVERTISE="here:1") == "here:1"
    # The gateway has no gRPC port, and what else is said is handed on.
    assert said("--flag") == "None --flag"
