"""Which tasks are equal, whose results may stand for others', and what a job does with one."""

from typing import Any

import pytest

from services.orchestrator import caching, job, orders
from services.orchestrator.caching import Rule
from services.orchestrator.job_record import HandOver, JobRecord, Stop
from services.orchestrator.plan import Kinds
from tests.builders import JOB_ID, NOW_MS, job_record, leased
from tutti import structs
from tutti.v1 import artifact_pb2, job_pb2, scheduler_pb2, task_pb2

RULE = Rule("1")
SHA = "a" * 64


def digest(input: dict[str, Any], *, kind: str = "test.cached", rule: Rule = RULE) -> str:
    return caching.digest(kind, rule, structs.from_dict(input))


def file(**fields: Any) -> dict[str, Any]:
    key = f"{JOB_ID}/main/1/mix.wav"
    return {"name": "mix.wav", "type": "audio/wav", "size": 3, "sha256": SHA, "key": key, **fields}


class TestDigest:
    def test_it_is_a_sha256_and_stays_the_same_between_releases(self) -> None:
        # What is in Redis was put there by replicas of other versions, too.
        assert digest({"b": [1, None, "ü"], "a": True}) == (
            "a6224725d111fe2f2202cc35dfae2c32c8509f7fe3646610eba17430f751d531"
        )

    def test_the_order_of_an_object_does_not_count_and_that_of_a_list_does(self) -> None:
        assert digest({"a": 1, "b": 2}) == digest({"b": 2, "a": 1})
        assert digest({"a": [1, 2]}) != digest({"a": [2, 1]})

    def test_whole_numbers_are_equal_however_they_are_written(self) -> None:
        assert digest({"n": 1}) == digest({"n": 1.0})

    @pytest.mark.parametrize(
        "other",
        [
            digest({"a": 2}),
            digest({"a": "1"}),
            digest({"a": 1, "b": None}),
            digest({"a": 1}, kind="test.other"),
            digest({"a": 1}, rule=Rule("2")),
        ],
        ids=["another value", "another type", "one value more", "another kind", "another version"],
    )
    def test_whatever_a_handler_can_see_counts(self, other: str) -> None:
        assert other != digest({"a": 1})

    def test_a_file_counts_by_its_content_and_not_by_who_made_it(self) -> None:
        elsewhere = file(key="another-job/main/2/mix.wav")

        assert digest({"files": [file()]}) == digest({"files": [elsewhere]})

    @pytest.mark.parametrize("field", [{"sha256": "b" * 64}, {"name": "stem.wav"}, {"type": "audio/flac"}])
    def test_what_else_is_said_of_a_file_counts(self, field: dict[str, Any]) -> None:
        assert digest({"file": file()}) != digest({"file": file(**field)})

    def test_a_file_without_a_digest_is_the_one_under_its_key(self) -> None:
        assert digest({"file": file(sha256="")}) != digest({"file": file(sha256="", key="another/main/1/mix.wav")})

    def test_a_key_that_describes_no_file_counts(self) -> None:
        assert digest({"key": "C major"}) != digest({"key": "A minor"})

    def test_an_input_without_what_equal_results_take_has_none(self) -> None:
        rule = Rule("1", ("options.seed",))
        without: list[dict[str, Any]] = [{}, {"options": {}}, {"options": {"seed": None}}, {"options": "seed"}]

        assert digest({"options": {"seed": 0}}, rule=rule)
        assert [digest(input, rule=rule) for input in without] == [""] * 4


class TestSelfContained:
    def test_a_result_may_name_what_its_task_stored(self) -> None:
        mine = artifact_pb2.Artifact(key=file()["key"])

        assert caching.is_self_contained(structs.from_dict({"deep": [{"er": file()}]}), [mine])

    def test_a_result_that_names_a_file_of_another_task_is_not_for_others(self) -> None:
        mine = artifact_pb2.Artifact(key=file()["key"])

        assert not caching.is_self_contained(structs.from_dict({"deep": [file(), file(key="x/y/1/z")]}), [mine])


class TestKinds:
    def test_a_kind_takes_part_only_if_it_says_so(self) -> None:
        known = [
            scheduler_pb2.KindInfo(kind="test.echo"),
            scheduler_pb2.KindInfo(kind="test.cached", cache_version="3", cache_needs=["seed"]),
        ]

        kinds = Kinds(known)

        assert kinds.cache_rule("test.cached") == Rule("3", ("seed",))
        assert kinds.cache_rule("test.echo") is None
        assert kinds.cache_rule("test.unknown") is None


def equal_task() -> job_pb2.Task:
    made = artifact_pb2.Artifact(name="mix.wav", key="other/old/1/mix.wav", task="old")
    return job_pb2.Task(name="old", result=structs.from_dict({"n": 7}), artifacts=[made])


class TestServed:
    def test_a_task_succeeds_with_what_an_equal_one_left_and_the_next_begins(self) -> None:
        record = job_record({"main": (), "later": ("main",)})

        done = job.served(record, "main", 1, equal_task(), NOW_MS)

        task = done.job.tasks["main"]
        assert (task.state, task.cached, task.worker_id) == (task_pb2.TASK_STATE_SUCCEEDED, True, "")
        assert task.result == equal_task().result
        assert done.effects == (HandOver(task="later"),)
        assert done.job.state == job_pb2.JOB_STATE_RUNNING

    def test_its_events_tell_the_same_story_and_where_the_result_is_from(self) -> None:
        done = job.served(job_record(), "main", 1, equal_task(), NOW_MS)

        assert [event.WhichOneof("what") for event in done.events] == [
            "job_moved", "artifact", "task_moved", "job_moved",
        ]  # fmt: skip
        assert done.events[1].artifact.task == "main"
        assert done.events[2].task_moved.cached
        assert done.events[2].task_moved.result == equal_task().result
        assert done.job.state == job_pb2.JOB_STATE_SUCCEEDED

    def test_an_attempt_that_the_scheduler_knows_of_is_taken_back(self) -> None:
        done = job.served(job_record(), "main", 1, equal_task(), NOW_MS, handed_over=True)

        assert done.effects == (Stop(task="main", attempt=1, lease_id=""),)

    @pytest.mark.parametrize(
        ("record", "attempt"),
        [
            (job.apply(job_record(), [leased()], NOW_MS).job, 1),
            (job_record(), 2),
            (job.cancelled(job_record(), NOW_MS).job, 1),
            (job.expired(job_record(), NOW_MS).job, 1),
        ],
        ids=["a worker has it", "another attempt", "cancelled", "out of time"],
    )
    def test_what_has_begun_or_shall_end_is_left_alone(self, record: JobRecord, attempt: int) -> None:
        done = job.served(record, "main", attempt, equal_task(), NOW_MS)

        assert (done.job, done.events, done.changed) == (record, (), frozenset())

    def test_later_attempts_may_read_what_another_job_made(self) -> None:
        record = job_record({"main": (), "later": ("main",)})
        record = job.served(record, "main", 1, equal_task(), NOW_MS).job

        order = orders.order_of(record, record.tasks["later"], job_epoch=1)

        assert list(order.readable_keys) == ["other/old/1/mix.wav"]
