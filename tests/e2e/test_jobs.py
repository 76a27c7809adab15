"""What a caller is promised, seen through the SDK: order, retries, cancellation, idempotence, pages."""

import asyncio
from contextlib import aclosing
from pathlib import Path
from typing import cast

import grpc
import pytest

from tests.fixtures.meshes import client_of, eventually
from tutti import errors, rpc
from tutti.client import Client, plan, step, task
from tutti.embedded import Mesh
from tutti.v1 import job_pb2, orchestrator_pb2, orchestrator_pb2_grpc, task_pb2

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def test_events_come_once_in_order_and_without_gaps(client: Client) -> None:
    job_id = await client.submit(task("test.sleep", {"seconds": 0.5, "steps": 10}))

    live = [event async for event in client.watch(job_id)]
    replayed = [event async for event in client.watch(job_id)]

    assert [event.sequence for event in live] == list(range(1, len(live) + 1))
    assert [event.event_id for event in live] == sorted(
        {event.event_id for event in live}, key=lambda cursor: tuple(map(int, cursor.split("-")))
    )
    assert [event.event_id for event in replayed] == [event.event_id for event in live]
    progress = [event for event in live if event.HasField("progress")]
    seconds = (progress[-1].time.ToMilliseconds() - progress[0].time.ToMilliseconds()) / 1000
    assert len(progress) <= 2 + 10 * seconds  # conflated to ten a second where they arise
    assert progress[-1].progress.fraction == 1.0


async def test_a_watch_resumes_after_any_event_exactly(client: Client) -> None:
    job_id = await client.submit(task("test.sleep", {"seconds": 0.2, "steps": 2}))
    everything = [event.event_id async for event in client.watch(job_id)]
    for n, cursor in enumerate(everything):
        assert [event.event_id async for event in client.watch(job_id, after=cursor)] == everything[n + 1 :]


async def test_many_watchers_see_the_same(client: Client) -> None:
    job_id = await client.submit(task("test.sleep", {"seconds": 0.5, "steps": 5}))

    async def watch() -> list[str]:
        return [event.event_id async for event in client.watch(job_id)]

    seen = await asyncio.gather(*(watch() for _ in range(50)))
    assert len({tuple(ids) for ids in seen}) == 1


async def test_a_failing_task_is_tried_again_until_it_succeeds(client: Client) -> None:
    spec = task("test.fail", {"times": 2})
    spec.retry.initial_backoff.nanos = 10_000_000
    job = await client.wait(await client.submit(spec))
    assert job.state == job_pb2.JOB_STATE_SUCCEEDED
    assert job.tasks[0].attempt == 3


async def test_a_task_that_keeps_failing_fails_its_job_with_the_reason(client: Client) -> None:
    spec = task("test.fail", {"times": 99})
    spec.retry.max_attempts = 2
    spec.retry.initial_backoff.nanos = 10_000_000
    job = await client.wait(await client.submit(spec))
    assert job.state == job_pb2.JOB_STATE_FAILED
    assert (job.failure.reason, job.tasks[0].attempt) == ("ON_PURPOSE", 2)
    assert "failing on purpose" in job.failure.message


async def test_a_plan_of_the_callers_own_runs_in_order_and_hands_results_on(client: Client) -> None:
    steps = [
        step("third", "test.echo", {"said": "${second.result.said}, and ${first.result.n}"}),
        step("second", "test.echo", {"said": "again ${first.result.n}"}),
        step("first", "test.echo", {"n": 1}),
    ]
    job = await client.wait(await client.submit(plan(steps)))
    assert job.state == job_pb2.JOB_STATE_SUCCEEDED
    assert [task.name for task in job.tasks] == ["first", "second", "third"]
    assert dict(job.tasks[2].result) == {"said": "again 1, and 1"}
    (listed,) = (await client.jobs(page_size=1)).jobs
    assert [task.HasField("input") for task in listed.spec.plan.tasks] == [False] * 3


async def test_an_attempt_that_takes_too_long_is_ended(client: Client) -> None:
    spec = task("test.sleep", {"seconds": 60})
    spec.attempt_timeout.nanos = 100_000_000
    spec.retry.max_attempts = 1
    job = await client.wait(await client.submit(spec))
    assert (job.state, job.failure.reason) == (job_pb2.JOB_STATE_FAILED, "TIMEOUT")


async def test_a_running_job_is_cancelled(client: Client) -> None:
    job_id = await client.submit(task("test.sleep", {"seconds": 60, "steps": 600}))
    async for event in client.watch(job_id):
        if event.HasField("progress"):
            break
    answered = await client.cancel(job_id)
    job = await asyncio.wait_for(client.wait(job_id), 5)
    assert answered.cancel_requested
    assert job.state == job_pb2.JOB_STATE_CANCELLED
    assert job.tasks[0].state == task_pb2.TASK_STATE_CANCELLED
    assert (await client.cancel(job_id)).state == job_pb2.JOB_STATE_CANCELLED


async def test_cancelling_a_finished_job_changes_nothing(client: Client) -> None:
    job_id = await client.submit(task("test.echo"))
    before = await client.wait(job_id)
    after = await client.cancel(job_id)
    assert after.state == job_pb2.JOB_STATE_SUCCEEDED
    assert after.revision == before.revision


async def test_a_repeated_request_id_returns_the_first_job_and_runs_it_once(client: Client, tmp_path: Path) -> None:
    spec = task("test.effect", {"path": str(tmp_path / "log"), "line": "ran"})
    ids = await asyncio.gather(*(client.submit(spec, request_id="once") for _ in range(20)))
    assert len(set(ids)) == 1
    await client.wait(ids[0])
    assert await client.submit(spec, request_id="once") == ids[0]
    assert (tmp_path / "log").read_text() == "ran\n"


async def test_a_request_id_does_not_stand_for_two_different_jobs(client: Client) -> None:
    await client.submit(task("test.echo", {"n": 1}), request_id="mine")
    with pytest.raises(errors.Conflict) as refused:
        await client.submit(task("test.echo", {"n": 2}), request_id="mine")
    assert refused.value.reason == "REQUEST_ID_REUSED"
    # Another owner's ids are another world.
    await client.submit(task("test.echo", {"n": 2}), request_id="mine", owner="somebody-else")


async def test_jobs_are_listed_newest_first_in_stable_pages(client: Client) -> None:
    ids = [await client.submit(task("test.echo", labels={"batch": "pages"}), owner="lister") for _ in range(7)]
    await client.submit(task("test.echo"), owner="lister")
    filter = orchestrator_pb2.JobFilter(labels={"batch": "pages"})
    listed: list[str] = []
    token = ""
    while True:
        page = await client.jobs(page_size=3, page_token=token, filter=filter, owner="lister")
        listed += [job.job_id for job in page.jobs]
        await client.submit(task("test.echo", labels={"batch": "pages"}), owner="lister")
        token = page.next_page_token
        if not token:
            break
    assert listed[-7:] == ids[::-1]
    assert len(set(listed)) == len(listed)


async def test_a_plan_is_shown_without_running_anything(client: Client) -> None:
    from tutti.client import music

    before = len((await client.jobs(owner="planner")).jobs)
    plan = await client.plan(music("a chill beat, 90 bpm"))
    shown = [(step.name, step.kind, list(step.needs)) for step in plan.tasks]
    assert shown[:2] == [("compose", "jen1.compose", []), ("render-drums", "muscgen.render", ["compose"])]
    assert shown[-1][:2] == ("mix", "mix.master")
    assert len((await client.jobs(owner="planner")).jobs) == before


async def test_a_task_that_kills_its_worker_does_not_take_the_fleet_along(client: Client) -> None:
    spec = task("test.crash")
    spec.retry.max_attempts = 2
    job = await asyncio.wait_for(client.wait(await client.submit(spec)), 30)
    assert (job.state, job.failure.reason) == (job_pb2.JOB_STATE_FAILED, "POISON")

    async def both_are_back() -> bool:
        return len(await client.workers()) == 2

    await eventually(both_are_back, within=30)
    healthy = await client.wait(await client.submit(task("test.echo")))
    assert healthy.state == job_pb2.JOB_STATE_SUCCEEDED


async def test_a_job_can_be_submitted_and_seen_to_its_end_in_one_call(client: Client) -> None:
    spec = task("test.sleep", {"seconds": 0.2, "steps": 2})

    seen = [event async for event in client.run(spec, request_id="run-once", owner="runner")]
    again = [event async for event in client.run(spec, request_id="run-once", owner="runner")]

    assert [event.sequence for event in seen] == list(range(1, len(seen) + 1))
    assert seen[-1].job_moved.state == job_pb2.JOB_STATE_SUCCEEDED
    assert [event.event_id for event in again] == [event.event_id for event in seen]
    assert len((await client.jobs(owner="runner")).jobs) == 1


async def test_one_stream_carries_one_job_after_the_other(mesh: Mesh) -> None:
    async with rpc.channel([mesh.endpoints.orchestrators[0].address]) as channel:
        stub = orchestrator_pb2_grpc.OrchestratorServiceStub(channel)
        stream = stub.RunJob(metadata=rpc.metadata(owner="runner"))
        seen = []
        for number in range(3):
            create = orchestrator_pb2.CreateJobRequest(spec=task("test.echo", {"n": number}))
            await stream.write(orchestrator_pb2.RunJobRequest(create=create))
            answers: list[orchestrator_pb2.RunJobResponse] = []
            while not (answers and answers[-1].ended):
                answers.append(cast(orchestrator_pb2.RunJobResponse, await stream.read()))
            seen.append([event for answer in answers for event in answer.events])
        await stream.done_writing()
        assert await stream.read() is grpc.aio.EOF

    assert len({event.job_id for events in seen for event in events}) == 3
    for events in seen:
        assert [event.sequence for event in events] == list(range(1, len(events) + 1))
        assert events[-1].job_moved.state == job_pb2.JOB_STATE_SUCCEEDED


async def test_a_single_request_is_followed_to_its_end(mesh: Mesh) -> None:
    """As debugging tools ask: they hang up their side of the stream at once."""
    async with rpc.channel([mesh.endpoints.orchestrators[0].address]) as channel:
        stream = orchestrator_pb2_grpc.OrchestratorServiceStub(channel).RunJob()
        create = orchestrator_pb2.CreateJobRequest(spec=task("test.sleep", {"seconds": 0.3, "steps": 3}))
        await stream.write(orchestrator_pb2.RunJobRequest(create=create))
        await stream.done_writing()
        answers = [answer async for answer in stream]

    assert [answer.ended for answer in answers] == [False] * (len(answers) - 1) + [True]
    assert not answers[0].ended, "a job that takes its time is told of before its end"
    assert answers[-1].events[-1].job_moved.state == job_pb2.JOB_STATE_SUCCEEDED


async def test_jobs_that_are_run_share_streams_and_nothing_else(mesh: Mesh) -> None:
    async def run(client: Client, owner: str, number: int) -> list[job_pb2.Event]:
        return [event async for event in client.run(task("test.echo", {"n": number}), owner=owner)]

    async def left(client: Client) -> None:
        async with aclosing(client.run(task("test.sleep", {"seconds": 0.2, "steps": 2}), owner="a")) as events:
            await anext(events)  # the others are on their way, and nobody else may get them

    async with client_of(mesh.endpoints) as client:
        for number in range(3):
            await left(client)
            logs = await asyncio.gather(*(run(client, owner, number) for owner in ("a", "b", "a", "b") * 2))
            assert len({events[0].job_id for events in logs}) == 8
            for events in logs:
                assert [event.sequence for event in events] == list(range(1, len(events) + 1))
                assert {event.job_id for event in events} == {events[0].job_id}
        with pytest.raises(errors.InvalidInput, match="no worker serves"):
            await anext(client.run(task("test.nonsense"), owner="a"))
        assert len({event.job_id for event in await run(client, "a", 9)}) == 1
        assert len((await client.jobs(owner="a")).jobs) == 3 + 3 * 4 + 1


async def test_what_cannot_be_run_is_refused_before_it_is_watched(client: Client) -> None:
    with pytest.raises(errors.InvalidInput, match="no worker serves"):
        await anext(client.run(task("test.nonsense")))
