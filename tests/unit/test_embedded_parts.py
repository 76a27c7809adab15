"""The parts of the embedded mesh that are values: ports, pauses, layout, environments, endpoints, the Redis launch."""

import json
import random
import socket
from pathlib import Path

import pytest

from tutti.embedded import endpoints, layout, ports, redis, secret
from tutti.embedded.children import LONGEST_PAUSE_SECONDS, WELL_AFTER_SECONDS, Restarts
from tutti.embedded.environment import OWNED, Environment
from tutti.embedded.options import MeshOptions
from tutti.embedded.processes import described, last_lines


@pytest.fixture
def options(tmp_path: Path) -> MeshOptions:
    return MeshOptions(data_dir=tmp_path, gateway_port=0, orchestrators=2, schedulers=2, workers=3)


@pytest.fixture
def plan(options: MeshOptions) -> layout.Layout:
    return layout.choose(options)


def environment(plan: layout.Layout, options: MeshOptions, inherited: dict[str, str]) -> Environment:
    return Environment(inherited, options=options, layout=plan, artifact_secret="s" * 32)


def test_picked_ports_differ_are_free_and_lie_below_those_of_outgoing_connections() -> None:
    picked = ports.pick(30, draw=random.Random(7))
    assert len(set(picked)) == 30
    assert all(ports.is_free(port) and port <= ports.LAST_PORT < 32_768 for port in picked)


def test_a_port_that_somebody_listens_on_is_not_free() -> None:
    with socket.create_server((ports.LOOPBACK, 0)) as server:
        assert not ports.is_free(server.getsockname()[1])


def test_pauses_between_restarts_grow_to_a_cap_and_begin_anew_after_a_healthy_while() -> None:
    restarts = Restarts()
    pauses = [restarts.pause_after(0.1) for _ in range(12)]
    assert pauses[0] <= 0.2
    assert LONGEST_PAUSE_SECONDS / 2 <= pauses[-1] <= LONGEST_PAUSE_SECONDS
    assert restarts.pause_after(WELL_AFTER_SECONDS) <= 0.2


def test_every_replica_has_a_name_and_ports_of_its_own(plan: layout.Layout) -> None:
    services = [*plan.orchestrators, *plan.schedulers, *plan.workers]
    assert [service.name for service in services] == [
        "orchestrator-1",
        "orchestrator-2",
        "scheduler-1",
        "scheduler-2",
        "worker-1",
        "worker-2",
        "worker-3",
    ]
    assert len({port for service in services for port in (service.port, service.metrics_port)}) == 14


def test_a_given_gateway_port_is_kept(tmp_path: Path) -> None:
    assert layout.choose(MeshOptions(data_dir=tmp_path, gateway_port=7070)).gateway_url == "http://127.0.0.1:7070"


def test_a_child_inherits_the_environment_except_what_only_the_mesh_may_say(
    plan: layout.Layout, options: MeshOptions
) -> None:
    stray = dict.fromkeys(OWNED, "stray")
    env = environment(plan, options, {**stray, "HOME": "/home/me", "LOG_LEVEL": "DEBUG"}).scheduler(plan.schedulers[0])
    assert "stray" not in env.values()
    assert env["HOME"] == "/home/me"
    assert env["LOG_LEVEL"] == "DEBUG"


def test_services_are_told_where_the_others_are(plan: layout.Layout, options: MeshOptions) -> None:
    made = environment(plan, options, {})
    schedulers = ",".join(service.address for service in plan.schedulers)
    worker = made.worker(plan.workers[1])
    assert worker["TUTTI_INSTANCE"] == "worker-2"
    assert worker["TUTTI_PORT"] == str(plan.workers[1].port)
    assert worker["TUTTI_SCHEDULERS"] == schedulers
    assert made.orchestrator(plan.orchestrators[0])["TUTTI_SCHEDULERS"] == schedulers
    gateway = made.gateway()
    assert gateway["PORT"] == str(plan.gateway_port)
    assert gateway["TUTTI_ORCHESTRATORS"].split(",") == [service.address for service in plan.orchestrators]
    assert all(env["REDIS_URL"] == plan.redis_url for env in (worker, gateway))


def test_services_that_handle_artifacts_share_a_directory_and_a_secret_and_the_scheduler_has_neither(
    plan: layout.Layout, options: MeshOptions
) -> None:
    made = environment(plan, options, {})
    sharing = (made.gateway(), made.orchestrator(plan.orchestrators[0]), made.worker(plan.workers[0]))
    names = ("ARTIFACT_DIR", "ARTIFACT_URL_SECRET", "TUTTI_PUBLIC_URL")
    assert len({tuple(env[name] for name in names) for env in sharing}) == 1
    assert not set(names) & set(made.scheduler(plan.schedulers[0]))


def test_the_callers_variables_go_above_those_of_the_mesh(plan: layout.Layout, tmp_path: Path) -> None:
    options = MeshOptions(data_dir=tmp_path, environment={"TUTTI_LEASE_SECONDS": "1", "TUTTI_GRACE_SECONDS": "9"})
    env = environment(plan, options, {"TUTTI_LEASE_SECONDS": "5"}).orchestrator(plan.orchestrators[0])
    assert env["TUTTI_LEASE_SECONDS"] == "1"
    assert env["TUTTI_GRACE_SECONDS"] == "9"


def test_a_mesh_without_triton_names_no_models(tmp_path: Path) -> None:
    options = MeshOptions(data_dir=tmp_path, triton=False, worker_concurrency=3, test_handlers=True)
    plan = layout.choose(options)
    env = environment(plan, options, {"JEN1_URL": "elsewhere:1"}).worker(plan.workers[0])
    assert "JEN1_URL" not in env
    assert env["WORKER_CONCURRENCY"] == "3"
    assert env["TUTTI_TEST_HANDLERS"] == "1"


def test_endpoints_are_read_as_they_were_written(plan: layout.Layout, tmp_path: Path) -> None:
    pids = dict.fromkeys(
        ["gateway", "redis", "triton", *(s.name for s in (*plan.orchestrators, *plan.schedulers, *plan.workers))], 42
    )
    written = plan.endpoints(7, pids)
    endpoints.write(tmp_path, written)
    assert endpoints.read(tmp_path) == written
    raw = json.loads((tmp_path / "endpoints.json").read_text())
    assert raw["pid"] == 7
    assert set(raw["workers"][0]) == {"name", "address", "metrics", "pid"}
    assert [file.name for file in tmp_path.iterdir() if "endpoints" in file.name] == ["endpoints.json"]


@pytest.mark.parametrize("text", ["", "{", '{"pid": 1}'])
def test_endpoints_that_make_no_sense_count_as_none(tmp_path: Path, text: str) -> None:
    (tmp_path / "endpoints.json").write_text(text)
    assert endpoints.read(tmp_path) is None


def test_no_mesh_means_no_endpoints(tmp_path: Path) -> None:
    assert endpoints.read(tmp_path / "nowhere") is None


def test_the_artifact_secret_is_private_and_stays_the_same(tmp_path: Path) -> None:
    first = secret.kept(tmp_path)
    assert len(first) == 64
    assert secret.kept(tmp_path) == first
    assert (tmp_path / "artifact-url-secret").stat().st_mode & 0o777 == 0o600


def test_redis_keeps_an_append_only_file_and_refuses_rather_than_forgets(tmp_path: Path) -> None:
    install = redis.RedisInstall(binary=Path("/usr/bin/redis-server"), version=(7, 2))
    argv = redis.command(install, port=6399, directory=tmp_path)
    options = dict(zip(argv[1::2], argv[2::2], strict=True))
    assert options["--bind"] == "127.0.0.1"
    assert options["--appendonly"] == "yes"
    assert options["--save"] == ""
    assert options["--maxmemory-policy"] == "noeviction"
    assert options["--stream-node-max-bytes"] == "512"


def test_a_redis_that_is_there_already_is_named_to_the_services_and_has_no_pid(tmp_path: Path) -> None:
    options = MeshOptions(data_dir=tmp_path, triton=False, redis_url="redis+cluster://ada:secret@a:1,b:2")
    plan = layout.choose(options)
    assert environment(plan, options, {}).scheduler(plan.schedulers[0])["REDIS_URL"] == options.redis_url
    written = plan.endpoints(7, dict.fromkeys(["gateway", "orchestrator-1", "scheduler-1", "worker-1"], 42))
    assert (written.redis.url, written.redis.pid) == (options.redis_url, 0)
    endpoints.write(tmp_path, written)
    assert (tmp_path / "endpoints.json").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(
    ("text", "version"),
    [
        ("Redis server v=6.2.14 sha=40305114:0 malloc=libc bits=64", (6, 2, 14)),
        ("Valkey server v=8.0.1 sha=0", (8, 0, 1)),
        ("something else", ()),
    ],
)
def test_the_version_of_redis_is_read_from_what_it_says(text: str, version: tuple[int, ...]) -> None:
    assert redis.parse_version(text) == version


def test_exit_statuses_are_told_in_words() -> None:
    assert described(2) == "exit status 2"
    assert described(-9) == "SIGKILL"
    assert described(-200) == "signal 200"


def test_the_end_of_a_log_is_its_last_lines(tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_text("".join(f"line {number}\n" for number in range(5000)))
    assert last_lines(log, 2) == ["line 4998", "line 4999"]
    assert last_lines(tmp_path / "none") == []
