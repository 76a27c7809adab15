"""What a worker offers: what its operator says, else what is found."""

from pathlib import Path

import pytest
from pydantic import ValidationError

from services.scheduler.config import SchedulerSettings
from services.worker.config import WorkerSettings
from services.worker.resources import memories_of, of_worker

GIB = 1024**3


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A machine whose nvidia-smi is up to the test."""
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    return tmp_path


def nvidia_smi(directory: Path, script: str) -> None:
    program = directory / "nvidia-smi"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)


async def test_an_operator_has_the_last_word(machine: Path) -> None:
    nvidia_smi(machine, "echo 81920")
    settings = WorkerSettings(cpu=1.5, memory_bytes=2 * GIB, gpus=3, gpu_memory_bytes=4 * GIB)

    has = await of_worker(settings)

    assert (has.cpu, has.memory_bytes, has.gpus, has.gpu_memory_bytes) == (1.5, 2 * GIB, 3, 4 * GIB)


async def test_what_is_not_said_is_found(machine: Path) -> None:
    nvidia_smi(machine, "echo 81920; echo 40960")

    has = await of_worker(WorkerSettings())

    assert has.cpu >= 1
    assert has.memory_bytes > 0
    assert (has.gpus, has.gpu_memory_bytes) == (2, 40 * GIB)


async def test_gpus_can_be_kept_from_jobs(machine: Path) -> None:
    nvidia_smi(machine, "echo 81920")

    has = await of_worker(WorkerSettings(gpus=0))

    assert (has.gpus, has.gpu_memory_bytes) == (0, 0)


async def test_a_driver_in_trouble_does_not_keep_a_worker_from_starting(machine: Path) -> None:
    nvidia_smi(machine, "echo NVIDIA-SMI has failed; exit 9")

    assert (await of_worker(WorkerSettings())).gpu_memory_bytes == 0


@pytest.mark.parametrize(
    ("printed", "memories"),
    [("", []), ("143771\n", [143771 * 1024**2]), ("81920\n[N/A]\n", [80 * GIB, 0])],
)
def test_memory_is_read_from_what_nvidia_smi_prints(printed: str, memories: list[int]) -> None:
    assert memories_of(printed) == memories


def test_an_empty_variable_says_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TUTTI_WORKER_CPU", "")
    monkeypatch.setenv("TUTTI_WORKER_GPUS", "0")

    settings = WorkerSettings()

    assert (settings.cpu, settings.gpus) == (None, 0)


def test_shares_and_limits_are_read_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TUTTI_OWNER_WEIGHTS", "ada=3, bob=0.5")
    monkeypatch.setenv("TUTTI_OWNER_LIMITS", "ada=4")
    monkeypatch.setenv("TUTTI_MODEL_LIMITS", "muscgen=2,jen1=8")
    monkeypatch.setenv("TUTTI_AGEING_SECONDS", "1.5")

    policy = SchedulerSettings().policy()

    assert policy.owner_weights == {"ada": 3.0, "bob": 0.5}
    assert policy.owner_limits == {"ada": 4}
    assert policy.model_limits == {"muscgen": 2, "jen1": 8}
    assert policy.ageing_ms == 1500


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("TUTTI_OWNER_WEIGHTS", "ada"),
        ("TUTTI_OWNER_WEIGHTS", "ada=0"),
        ("TUTTI_OWNER_WEIGHTS", "=3"),
        ("TUTTI_OWNER_LIMITS", "ada=-1"),
        ("TUTTI_MODEL_LIMITS", "jen1=many"),
        ("TUTTI_WORKER_CPU", "-1"),
    ],
)
def test_a_value_that_cannot_be_used_stops_the_start(
    monkeypatch: pytest.MonkeyPatch, variable: str, value: str
) -> None:
    monkeypatch.setenv(variable, value)

    with pytest.raises(ValidationError, match=variable):
        WorkerSettings() if "WORKER" in variable else SchedulerSettings()
