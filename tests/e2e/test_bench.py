"""The benchmarks run: the part of them that brings up everything which the others stand on."""

import asyncio
import json
import sys
from pathlib import Path

import pytest

from bench import processor


@pytest.mark.alone
async def test_the_cost_of_a_job_is_measured_by_part_and_phase(tmp_path: Path) -> None:
    file = tmp_path / "cost.json"
    command = (sys.executable, "-m", "bench.cost", "--jobs", "500", "--rounds", "1", "--json", str(file))
    program = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE)
    printed, _ = await asyncio.wait_for(program.communicate(), 150)
    assert program.returncode == 0
    assert "500 jobs, median of 1 rounds" in printed.decode()
    found = json.loads(file.read_text())
    assert found["about"]["jobs"] == 500
    assert len(found["figures"]) == 3
    for phase in found["figures"].values():
        assert set(phase) == {*processor.PARTS, "all", "jobs/s"}
        assert phase["orchestrators"] > 0
        assert phase["jobs/s"] > 0
