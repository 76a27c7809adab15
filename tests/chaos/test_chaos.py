"""The short form of `make chaos`: every service is killed and paused once, under load, and nothing is lost."""

from pathlib import Path

import pytest

from tests.chaos import run, scenario, table, verdict
from tests.chaos.scenario import What

#: Always the same attack, so that a red run can be looked at; `make chaos` draws others.
SEED, JOBS, SECONDS = 20, 150, 25.0


@pytest.mark.slow
@pytest.mark.alone
@pytest.mark.timeout(480)  # a mesh that loses something is given its time to find it again
async def test_nothing_is_lost_while_parts_are_killed_paused_and_restarted(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    drawn = scenario.draw(SEED, jobs=JOBS, seconds=SECONDS)
    met = {(fault.what, scenario.service_of(fault.target)) for fault in drawn.faults}
    assert met >= {(what, service) for what in (What.KILL, What.PAUSE) for service in scenario.PAUSES}

    ran = await run.run(drawn, tmp_path / "data", say=print)

    violations = verdict.judge(ran.found)
    table.show(ran.found, ran.counted, violations)
    assert violations == [], capsys.readouterr().out
