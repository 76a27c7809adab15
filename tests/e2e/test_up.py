"""`tutti up` and the commands that talk to it, as a user runs them: real processes, real Redis, real signals."""

import asyncio
import contextlib
import json
import os
import signal
import subprocess
import sys
import time
import wave
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import pytest

from tutti.cli.words import job_state
from tutti.embedded import Mesh, MeshOptions, endpoints
from tutti.embedded.endpoints import Endpoints

#: Two busy cores start seven processes; a quiet machine needs a tenth of this.
START_SECONDS = 90.0
COMMAND_SECONDS = 90.0
TUTTI = (sys.executable, "-P", "-m", "tutti.cli.main")


def environment() -> dict[str, str]:
    """Without what a developer's shell says about some other mesh."""
    return {name: value for name, value in os.environ.items() if not name.startswith(("TUTTI_", "ARTIFACT_"))}


@dataclass
class Up:
    """A `tutti up` in the background, and a shell beside it."""

    process: "subprocess.Popen[bytes]"
    data_dir: Path
    terminal: Path

    @property
    def endpoints(self) -> Endpoints:
        found = endpoints.read(self.data_dir)
        assert found is not None
        return found

    def said(self) -> str:
        return self.terminal.read_text()

    def wait_for(self, text: str, seconds: float = START_SECONDS) -> None:
        eventually(lambda: text in self.said() or self.process.poll() is not None, seconds, self.said)
        assert text in self.said(), self.said()

    def interrupt(self) -> int:
        self.process.send_signal(signal.SIGINT)
        return self.process.wait(30)

    def run(self, *arguments: str) -> "subprocess.CompletedProcess[str]":
        return run(*arguments, "--data-dir", str(self.data_dir))

    def json(self, *arguments: str) -> list[dict[str, Any]]:
        done = self.run(*arguments, "--json")
        assert done.returncode == 0, done.stderr
        return [json.loads(line) for line in done.stdout.splitlines()]


def run(*arguments: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [*TUTTI, *arguments], capture_output=True, text=True, timeout=COMMAND_SECONDS, env=environment(), check=False
    )


def eventually(check: Any, seconds: float = 20.0, why: Any = lambda: "") -> None:
    deadline = time.monotonic() + seconds
    while not check():
        assert time.monotonic() < deadline, why()
        time.sleep(0.02)


def runs(pid: int) -> bool:
    # Where nobody reaps orphans a killed process stays in the table as a zombie.
    with contextlib.suppress(FileNotFoundError, ProcessLookupError):
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    return False


def pids(found: Endpoints) -> list[int]:
    replicas = (*found.orchestrators, *found.schedulers, *found.workers)
    servers = [found.gateway.pid, found.redis.pid, *([found.triton.pid] if found.triton else [])]
    return servers + [replica.pid for replica in replicas]


@contextlib.contextmanager
def up(data_dir: Path, *arguments: str) -> Iterator[Up]:
    terminal = data_dir.with_name(f"terminal-{time.monotonic_ns()}")
    with terminal.open("wb") as out:
        process = _spawn(out, data_dir, *arguments)
    with process:
        started = Up(process, data_dir, terminal)
        try:
            started.wait_for("\nready in ")
            yield started
        finally:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(30)
            finally:
                process.kill()


def _spawn(out: IO[bytes], data_dir: Path, *arguments: str) -> "subprocess.Popen[bytes]":
    argv = [*TUTTI, "up", "--data-dir", str(data_dir), "--gateway-port", "0", *arguments]
    return subprocess.Popen(argv, stdout=out, stderr=subprocess.STDOUT, env=environment())


@pytest.fixture(scope="module")
def mesh(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Up]:
    """Shared by the tests that leave it as they found it."""
    data_dir = tmp_path_factory.mktemp("mesh") / "data"
    with up(data_dir, "--test-handlers", "--no-triton", "--schedulers", "2", "--workers", "2") as started:
        yield started


def test_the_endpoints_name_every_part_and_its_process(mesh: Up) -> None:
    found = mesh.endpoints
    assert found.pid == mesh.process.pid
    assert [replica.name for replica in (*found.orchestrators, *found.schedulers, *found.workers)] == [
        "orchestrator-1",
        "scheduler-1",
        "scheduler-2",
        "worker-1",
        "worker-2",
    ]
    assert all(map(runs, pids(found)))
    assert found.triton is None


def test_a_second_mesh_in_the_same_directory_is_refused(mesh: Up) -> None:
    refused = run("up", "--data-dir", str(mesh.data_dir), "--gateway-port", "0")
    assert refused.returncode == 2
    assert f"is in use by the mesh of process {mesh.process.pid}" in refused.stderr


def test_a_gateway_port_that_is_taken_is_refused(mesh: Up, tmp_path: Path) -> None:
    taken = mesh.endpoints.gateway.url.rpartition(":")[2]
    refused = run("up", "--data-dir", str(tmp_path / "other"), "--gateway-port", taken, "--no-triton")
    assert refused.returncode == 2
    assert f"port {taken} is taken" in refused.stderr


def test_a_job_is_submitted_followed_and_shown(mesh: Up) -> None:
    events = mesh.json("submit", "--kind", "test.echo", "--input", '{"text": "hello"}', "--watch")
    assert [event["sequence"] for event in events] == [str(number) for number in range(1, len(events) + 1)]
    assert events[-1]["jobMoved"] == {"state": "JOB_STATE_SUCCEEDED"}
    job_id = events[0]["jobId"]
    (job,) = mesh.json("show", job_id)
    assert job["state"] == "JOB_STATE_SUCCEEDED"
    assert job["tasks"][0]["result"]["text"] == "hello"
    assert job_id in [listed["jobId"] for listed in mesh.json("jobs")]
    assert job_id in mesh.run("jobs").stdout
    assert "SUCCEEDED" in mesh.run("show", job_id).stdout


def test_following_into_a_pipe_writes_lines_without_control_codes(mesh: Up) -> None:
    done = mesh.run("submit", "--kind", "test.echo", "--watch")
    assert done.returncode == 0
    assert "job SUCCEEDED" in done.stdout
    assert "\x1b" not in done.stdout


def test_a_job_that_fails_ends_the_command_with_1_and_its_reason(mesh: Up) -> None:
    done = mesh.run("submit", "--kind", "test.fail", "--attempts", "1", "--watch")
    assert done.returncode == 1
    assert "ON_PURPOSE: failing on purpose" in done.stdout


def test_a_running_job_can_be_cancelled(mesh: Up) -> None:
    job_id = mesh.run("submit", "--kind", "test.sleep", "--input", '{"seconds": 60}').stdout.strip()
    assert mesh.run("cancel", job_id).returncode == 0
    watched = mesh.run("watch", job_id)
    assert watched.returncode == 1
    assert "CANCELLED" in watched.stdout


def test_submitting_again_under_a_request_id_returns_the_same_job(mesh: Up) -> None:
    first, second = (mesh.run("submit", "--kind", "test.echo", "--request-id", "once").stdout for _ in range(2))
    assert first == second != ""


def test_a_kind_that_nobody_serves_is_bad_input(mesh: Up) -> None:
    refused = mesh.run("submit", "--kind", "no.such.kind")
    assert refused.returncode == 2
    assert "kind" in refused.stderr
    assert "Traceback" not in refused.stderr


def test_a_job_that_does_not_exist_is_bad_input(mesh: Up) -> None:
    refused = mesh.run("show", "01J00000000000000000000000-0")
    assert refused.returncode == 2
    assert len(refused.stderr.splitlines()) == 1


def test_the_workers_are_listed(mesh: Up) -> None:
    listed = mesh.json("workers")
    assert [worker["info"]["workerId"].partition(".")[0] for worker in listed] == ["worker-1", "worker-2"]
    assert "test.echo" in mesh.run("workers").stdout


def test_doctor_finds_the_mesh_healthy(mesh: Up) -> None:
    done = mesh.run("doctor")
    assert done.returncode == 0, done.stdout
    assert "7 parts healthy" in done.stdout


@pytest.mark.parametrize("part", ["worker-1", "orchestrator-1", "gateway", "redis", "scheduler-1"])
def test_a_part_that_is_killed_comes_back_on_its_port_and_the_mesh_works(mesh: Up, part: str) -> None:
    def process_of(name: str) -> int:
        found = mesh.endpoints
        replicas = (*found.orchestrators, *found.schedulers, *found.workers)
        return {"gateway": found.gateway.pid, "redis": found.redis.pid, **{r.name: r.pid for r in replicas}}[name]

    former, addresses = process_of(part), mesh.endpoints.orchestrator_addresses
    os.kill(former, signal.SIGKILL)
    eventually(lambda: process_of(part) != former)
    mesh.wait_for(f"{part} died (SIGKILL); starting it again in ")
    mesh.wait_for(f"{part} is back (process {process_of(part)})")
    assert mesh.endpoints.orchestrator_addresses == addresses
    done = mesh.run("submit", "--kind", "test.echo", "--watch", "--timeout", "30")
    assert done.returncode == 0, done.stdout + done.stderr


def test_ctrl_c_stops_every_part_and_leaves_no_endpoints(tmp_path: Path) -> None:
    with up(tmp_path / "data", "--no-triton", "--test-handlers") as started:
        all_pids = pids(started.endpoints)
        assert started.interrupt() == 0
        assert not any(map(runs, all_pids))
        assert endpoints.read(started.data_dir) is None
        assert "Stopped" in started.said()
        assert "killing" not in started.said()


def test_jobs_survive_a_supervisor_that_is_killed(tmp_path: Path) -> None:
    with up(tmp_path / "data", "--no-triton", "--test-handlers") as first:
        job_id = first.run("submit", "--kind", "test.echo", "--watch", "--json").stdout.splitlines()[0]
        finished = json.loads(job_id)["jobId"]
        waiting = first.run("submit", "--kind", "test.sleep", "--input", '{"seconds": 3}').stdout.strip()
        all_pids = pids(first.endpoints)
        first.process.kill()
        eventually(lambda: not any(map(runs, all_pids)))
        assert first.run("jobs").returncode == 3
    with up(tmp_path / "data", "--no-triton", "--test-handlers") as second:
        (job,) = second.json("show", finished)
        assert job["state"] == "JOB_STATE_SUCCEEDED"
        assert second.run("watch", waiting, "--timeout", "30").returncode == 0


async def test_a_mesh_is_a_library_too_and_makes_music(tmp_path: Path) -> None:
    from tutti.client import Client, download, music

    async with (
        Mesh(MeshOptions(data_dir=tmp_path, gateway_port=0, start_timeout_seconds=START_SECONDS)) as mesh,
        Client(mesh.endpoints.orchestrator_addresses) as client,
    ):
        job = await client.wait(await client.submit(music("a chill lo-fi beat, 90 bpm, piano", duration=3)))
        assert job_state(job.state) == "SUCCEEDED", job.failure
        audio = next(artifact for artifact in job.artifacts if artifact.name == "master.wav")
        saved = await download(audio, tmp_path / "saved" / audio.name)
        with wave.open(str(saved)) as sound:
            assert sound.getnframes() / sound.getframerate() == pytest.approx(3, abs=0.05)
        all_pids = pids(mesh.endpoints)
    await asyncio.sleep(0)
    assert not any(map(runs, all_pids))
