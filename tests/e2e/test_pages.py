"""What the pages tell their readers to do, done: the README's request and program, the package of docs/handlers.md."""

import asyncio
import json
import re
import sys
import wave
from pathlib import Path

import httpx
import pytest

from tests.fixtures.meshes import client_of, running_mesh
from tutti import errors
from tutti.client import download, task
from tutti.embedded import Mesh
from tutti.v1 import job_pb2

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
HANDLERS = (ROOT / "docs" / "handlers.md").read_text(encoding="utf-8")


def block(page: str, language: str) -> str:
    (found,) = re.findall(rf"^```{language}\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)
    return str(found)


@pytest.mark.asyncio(loop_scope="session")
async def test_the_program_in_the_readme_makes_music(mesh: Mesh, tmp_path: Path) -> None:
    program = block(README, "python").replace("127.0.0.1:7100", mesh.endpoints.orchestrators[0].address)
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", program, cwd=tmp_path, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    async with asyncio.timeout(60):
        said, complained = await process.communicate()
    assert process.returncode == 0, complained.decode()
    assert "mix: 100% master" in said.decode()
    with wave.open(str(tmp_path / "master.wav")) as audio:
        assert audio.getnframes() == 8 * audio.getframerate()


@pytest.mark.asyncio(loop_scope="session")
async def test_the_request_in_the_readme_is_accepted(mesh: Mesh, http: httpx.AsyncClient) -> None:
    (body,) = re.findall(r"-d '(\{\"narrative\".*?\})'", README)
    answer = await http.post("/jobs", json=json.loads(body))
    assert answer.status_code == 202
    assert answer.json().keys() == {"jobId", "status"}


@pytest.fixture
def package(tmp_path: Path) -> Path:
    """The page's package, as an installer would leave it."""
    directory = tmp_path / "packages"
    about = directory / "tutti_example-1.0.dist-info"
    about.mkdir(parents=True)
    (directory / "tutti_example.py").write_text(block(HANDLERS, "python"))
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: tutti-example\nVersion: 1.0\n")
    (group, *entries) = block(HANDLERS, "toml").splitlines()
    assert group == '[project.entry-points."tutti.handlers"]'
    (about / "entry_points.txt").write_text("\n".join(["[tutti.handlers]", *entries]).replace('"', "") + "\n")
    return directory


async def test_the_package_on_the_page_serves_its_kind(package: Path, tmp_path: Path) -> None:
    (submitted,) = re.findall(r"--kind (\S+) --input '(.*?)'", HANDLERS)
    kind, input = submitted[0], json.loads(submitted[1])
    environment = {"PYTHONPATH": str(package)}
    async with (
        running_mesh(tmp_path / "data", environment=environment) as mesh,
        client_of(mesh.endpoints) as client,
    ):
        job = await client.wait(await client.submit(task(kind, input)))
        assert job.state == job_pb2.JOB_STATE_SUCCEEDED, job.failure
        assert dict(job.tasks[0].result) == {"file": "tone.wav", "seconds": 2}
        with wave.open(str(await download(job.artifacts[0], tmp_path / "tone.wav"))) as audio:
            assert audio.getnframes() == 2 * audio.getframerate()

        with pytest.raises(errors.InvalidInput, match="seconds"):
            await client.submit(task(kind, {"hertz": 440, "seconds": 0}))

        too_high = await client.wait(await client.submit(task(kind, {**input, "hertz": 9_000})))
        assert too_high.failure.reason == "TOO_HIGH"
        assert too_high.tasks[0].attempt == 1
