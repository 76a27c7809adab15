"""One tiny model for all tests, and its environment: these tests run in .venv-musicgen (`make test-musicgen`)."""

import os
from pathlib import Path

import pytest

# As Triton sets it. Two threads that wait for each other at every step of a tiny model are ten times slower than one.
os.environ["OMP_NUM_THREADS"] = "1"


@pytest.fixture(
    scope="session",
    params=[(1, False), (2, False), (1, True), (2, True)],
    ids=["mono", "stereo", "melody", "melody in stereo"],
)
def any_weights(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    from tests.musicgen import tiny

    channels, melody = request.param
    return tiny.save(tmp_path_factory.mktemp("weights"), channels=channels, melody=melody)


@pytest.fixture(scope="session")
def melodic_weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from tests.musicgen import tiny

    return tiny.save(tmp_path_factory.mktemp("weights"), melody=True)


@pytest.fixture(scope="session")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from tests.musicgen import tiny

    return tiny.save(tmp_path_factory.mktemp("weights"))
