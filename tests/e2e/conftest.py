"""One mesh with everything for the tests that leave it as they found it; the others start their own."""

from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
import pytest_asyncio

from tests.fixtures.meshes import client_of, http_of, running_mesh
from tutti.client import Client
from tutti.embedded import Mesh
from tutti.fetching import ALLOWED_VARIABLE

#: Every line that the services can write, so that the tests can follow a request through all of them.
LOUD = {"LOG_LEVEL": "DEBUG"}
#: Where the tests keep recordings to listen to.
NEAR = {ALLOWED_VARIABLE: "127.0.0.0/8"}


@pytest.fixture(scope="session")
def data_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of the mesh below."""
    return tmp_path_factory.mktemp("whole") / "data"


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def mesh(data_dir: Path) -> AsyncIterator[Mesh]:
    environment = LOUD | NEAR
    async with running_mesh(
        data_dir, orchestrators=2, schedulers=2, workers=2, triton=True, environment=environment
    ) as mesh:
        yield mesh


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def client(mesh: Mesh) -> AsyncIterator[Client]:
    async with client_of(mesh.endpoints) as client:
        yield client


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def http(mesh: Mesh) -> AsyncIterator[httpx.AsyncClient]:
    async with http_of(mesh.endpoints) as http:
        yield http
