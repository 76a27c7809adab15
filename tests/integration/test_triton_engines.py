"""muscgen's choice of an engine, inside a real Triton. What the sampled engine plays is tested in tests/musicgen."""

import asyncio
import subprocess
from pathlib import Path

from tests.fixtures.triton import free_ports
from tutti.embedded import triton

PATIENCE_SECONDS = 60.0


async def refused(directory: Path, **environment: str) -> str:
    """The log of a Triton that did not start."""
    http, grpc, metrics = free_ports(3)
    launch = triton.command(
        triton.find_triton(),
        model_repository=triton.model_repository(),
        http_port=http,
        grpc_port=grpc,
        metrics_port=metrics,
        runtime_dir=directory,
    )
    argv = (*launch.argv, "--model-control-mode=explicit", "--load-model=muscgen")
    try:
        ran = await asyncio.to_thread(
            subprocess.run,
            argv,
            env={**launch.env, **environment},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=PATIENCE_SECONDS,
            check=False,
        )
    finally:
        launch.remove_leftovers()
    assert ran.returncode != 0
    return str(ran.stdout)


async def test_an_engine_without_its_packages_says_what_to_install(tmp_path: Path) -> None:
    weights = tmp_path / "weights"
    weights.mkdir()
    (weights / "config.json").write_text('{"model_type": "musicgen"}')
    log = await refused(tmp_path, MUSCGEN_ENGINE="musicgen", MUSCGEN_MODEL_DIR=str(weights))
    assert "muscgen cannot start: MUSCGEN_ENGINE=musicgen needs torch and transformers" in log
    assert "pip install 'tutti-mesh[musicgen]'" in log


async def test_an_engine_that_nobody_knows_is_refused(tmp_path: Path) -> None:
    log = await refused(tmp_path, MUSCGEN_ENGINE="bark")
    assert "muscgen cannot start: MUSCGEN_ENGINE must be one of procedural, musicgen" in log
