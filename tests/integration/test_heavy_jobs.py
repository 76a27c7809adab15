"""Jobs that weigh something, such as a piece of ten minutes that comes back edited: on a real Redis and real gRPC."""

import json
from pathlib import Path
from typing import Any

import pytest

from services.orchestrator import given
from tests.builders import music_spec, with_fields
from tests.fixtures.replicas import Replica
from tests.fixtures.scheduler import ScriptedScheduler
from tests.fixtures.waiting import eventually
from tutti import errors, rpc, structs
from tutti.artifacts import Artifact
from tutti.v1 import job_pb2

#: Some 2 MB, as a piece of ten minutes.
PLAN = {"tracks": [{"notes": [{"start": n, "beats": 0.25, "pitch": 60, "velocity": 0.5} for n in range(30_000)]}]}


def editing(plan: Any, **options: Any) -> job_pb2.JobSpec:
    return music_spec(model="track", options={"plan": plan, **options})


async def test_a_plan_that_is_given_back_becomes_a_file_of_the_job(
    replica: Replica, scheduler: ScriptedScheduler, tmp_path: Path
) -> None:
    asked = editing(PLAN, seed=7)
    before = asked.SerializeToString(deterministic=True)
    job_id = await replica.submit(asked)
    assert asked.SerializeToString(deterministic=True) == before

    record = (await replica.job(job_id)).record
    order = await scheduler.order("parse")
    for message in (record.spec, record.plan, order):
        assert message.ByteSize() < 8_192
    options = structs.to_dict(order.input)["options"]
    assert options["seed"] == 7
    file = Artifact(**options["plan"])
    # Where an attempt of this job may read it.
    assert file.key.startswith(f"{job_id}/")
    kept = await replica.artifacts.read(file.key, tmp_path / "plan.json")
    assert (kept.sha256, kept.size) == (file.sha256, file.size)
    assert json.loads((tmp_path / "plan.json").read_bytes()) == PLAN


async def test_the_same_request_with_the_same_plan_is_the_same_job(replica: Replica) -> None:
    first = await replica.submit(editing({"bpm": 90}), request_id="one")
    assert await replica.submit(editing({"bpm": 90}), request_id="one") == first
    with pytest.raises(errors.Conflict, match="different job"):
        await replica.submit(editing({"bpm": 91}), request_id="one")
    # What was stored on the way for the jobs that did not come to be is gone.
    assert {job.name for job in replica.files.iterdir() if list(job.rglob("given.json"))} == {first}


async def test_what_is_refused_leaves_no_file(replica: Replica) -> None:
    for spec, field in ((editing(PLAN, tempo=1), "options"), (editing("words"), "options.plan")):
        with pytest.raises(errors.InvalidInput) as caught:
            await replica.submit(spec)
        assert caught.value.field == field
    assert not list(replica.files.rglob("given.json"))


async def test_what_is_too_large_is_refused_by_its_field(replica: Replica, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(given, "LARGEST", 1_000_000)
    with pytest.raises(errors.InvalidInput) as caught:
        await replica.submit(editing(PLAN))
    assert caught.value.field == "options.plan"
    with pytest.raises(errors.InvalidInput) as caught:
        await replica.submit(music_spec(options={"melody": [{"text": "x" * 1_100_000}]}))
    assert caught.value.field == "options"


async def test_what_waits_is_handed_over_however_much_it_weighs_together(
    replica: Replica, scheduler: ScriptedScheduler
) -> None:
    heavy = {"melody": [{"text": "x" * 1_000_000}]}
    count = rpc.MAX_MESSAGE_BYTES // 1_000_000 + 5
    scheduler.open.clear()
    jobs = {await replica.submit(with_fields(music_spec(model="jen1", options=heavy))) for _ in range(count)}
    scheduler.open.set()
    await eventually(lambda: {order.job_id for order in scheduler.orders} == jobs, what="every order has come")
