"""The job machine under random graphs and random things that happen: what must hold whatever is said, in any order."""

from typing import Any

from google.protobuf import struct_pb2
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from services.orchestrator import job, job_again
from services.orchestrator.job_record import (
    JOB_AT_REST,
    LEASED,
    READY,
    RUNNING,
    WAITING,
    HandOver,
    JobRecord,
    Stop,
    TaskRecord,
    Transition,
)
from tests import builders
from tests.builders import NOW_MS, job_record
from tutti.v1 import job_pb2, task_pb2

SUCCEEDED = task_pb2.TASK_STATE_SUCCEEDED
TERMINAL = (builders.succeeded, builders.failed, builders.stopped, builders.lost)
#: What may be said twice without any trace. Progress, log lines and checkpoints are no states: each is news.
IDEMPOTENT = (builders.leased, builders.started, builders.stored, *TERMINAL)
ANYTHING = (*IDEMPOTENT, builders.progressed, builders.logged, builders.checkpointed)


@st.composite
def graphs(draw: st.DrawFn) -> dict[str, tuple[str, ...]]:
    """One to six tasks, each needing some of those before it."""
    names = [f"t{n}" for n in range(draw(st.integers(1, 6)))]
    return {
        name: tuple(draw(st.lists(st.sampled_from(names[:n]), unique=True, max_size=3))) if n else ()
        for n, name in enumerate(names)
    }


class JobMachine(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.job: JobRecord = job_record()
        self.events: list[job_pb2.Event] = []
        #: The attempt of each task that was handed over last.
        self.handed_over: dict[str, int] = {}

    @initialize(graph=graphs(), max_attempts=st.integers(1, 3))
    def create(self, graph: dict[str, tuple[str, ...]], max_attempts: int) -> None:
        self.job = job_record(graph, max_attempts=max_attempts)
        self.take(job.created(self.job))

    @rule(data=st.data(), size=st.integers(1, 3))
    def say_anything(self, data: st.DataObject, size: int) -> None:
        updates = [self.draw_update(data, ANYTHING) for _ in range(size)]
        self.take(job.apply(self.job, updates, NOW_MS))

    @rule(data=st.data())
    def say_what_can_be_true(self, data: st.DataObject) -> None:
        """Speak of an attempt that was handed over, under a lease that counts: this is how jobs get further."""
        open_tasks = [task for task in self.job.tasks.values() if task.attempt and not task.at_rest]
        if open_tasks:
            task = data.draw(st.sampled_from(open_tasks))
            make = data.draw(st.sampled_from([builders.started, builders.succeeded, *TERMINAL]))
            self.take(job.apply(self.job, [self.about(task, make)], NOW_MS))

    @rule(data=st.data())
    def say_it_twice(self, data: st.DataObject) -> None:
        update = self.draw_update(data, IDEMPOTENT)
        self.take(job.apply(self.job, [update], NOW_MS))
        repeated = job.apply(self.job, [update], NOW_MS)
        assert (repeated.job, repeated.events, repeated.effects) == (self.job, (), ())

    @precondition(lambda self: not self.job.cancel_requested)
    @rule(often=st.integers(0, 7))
    def cancel(self, often: int) -> None:
        if often == 0:  # seldom, or most runs would be about nothing else
            self.take(job.cancelled(self.job, NOW_MS))

    @precondition(lambda self: not self.job.expired)
    @rule(often=st.integers(0, 7))
    def take_too_long(self, often: int) -> None:
        if often == 0:
            self.take(job.expired(self.job, NOW_MS))

    @precondition(lambda self: self.job.at_rest and self.job.state != job_pb2.JOB_STATE_SUCCEEDED)
    @rule(edit=st.booleans())
    def run_again(self, edit: bool) -> None:
        before, transition = self.job, job_again.retried(self.job, NOW_MS, struct_pb2.Struct() if edit else None)
        self.job, self.events = transition.job, [*self.events, *transition.events]
        check_run_again(before, transition)
        self.take_effects(transition)

    @rule()
    def be_claimed_again(self) -> None:
        again = {effect.task for effect in job.resumed(self.job)}
        assert again == {task.name for task in self.job.tasks.values() if task.attempt and not task.at_rest}

    @invariant()
    def a_job_that_is_not_at_rest_has_an_attempt_outstanding(self) -> None:
        outstanding = [
            task.name
            for task in self.job.tasks.values()
            if task.state in (READY, LEASED, RUNNING) and self.handed_over.get(task.name) == task.attempt
        ]
        assert self.job.at_rest or outstanding

    @invariant()
    def no_task_was_begun_before_what_it_needs_had_succeeded(self) -> None:
        for task in self.job.tasks.values():
            if task.attempt or task.state in (READY, LEASED, RUNNING, SUCCEEDED):
                assert all(self.job.tasks[name].state == SUCCEEDED for name in task.needs)

    @invariant()
    def no_task_has_more_attempts_than_it_may(self) -> None:
        allowed = self.job.retry.max_attempts
        assert all(task.attempt - task.first_attempt < allowed for task in self.job.tasks.values())

    @invariant()
    def every_attempt_that_is_over_without_success_is_remembered_once(self) -> None:
        for task in self.job.tasks.values():
            numbers = [attempt.attempt for attempt in task.past]
            assert numbers == sorted(set(numbers))
            assert all(number <= task.attempt for number in numbers)
            assert task.state == SUCCEEDED or task.attempt not in numbers or task.at_rest

    @invariant()
    def the_end_is_said_once_and_last(self) -> None:
        begins = [n for n, event in enumerate(self.events) if event.job_moved.state == job_pb2.JOB_STATE_QUEUED]
        ends = [n for n, event in enumerate(self.events) if event.job_moved.state in JOB_AT_REST]
        # Of a job that was run again: once for each time, and last in each.
        assert ends == [n - 1 for n in [*begins[1:], *([len(self.events)] if self.job.at_rest else [])]]

    def teardown(self) -> None:
        """Whatever happened: once every outstanding attempt has been answered, again and again, the job is at rest."""
        for _ in range(len(self.job.tasks) * self.job.retry.max_attempts + 1):
            for task in list(self.job.tasks.values()):
                if task.attempt and not task.at_rest:
                    self.take(job.apply(self.job, [self.about(task, builders.lost)], NOW_MS))
        assert self.job.at_rest or not self.events

    def draw_update(self, data: st.DataObject, makers: tuple[Any, ...]) -> task_pb2.Update:
        task = self.job.tasks[data.draw(st.sampled_from(sorted(self.job.tasks)))]
        attempt = task.attempt + data.draw(st.sampled_from([0, 0, 0, -1, 1]))
        lease = data.draw(st.sampled_from(["", "1-1", "1-2", "1-10", "2-1"]))
        update: task_pb2.Update = data.draw(st.sampled_from(makers))(task.name, attempt=attempt, lease=lease)
        return update

    def about(self, task: TaskRecord, make: Any) -> task_pb2.Update:
        update: task_pb2.Update = make(task.name, attempt=task.attempt, lease=task.lease_id or "3-1")
        return update

    def take(self, transition: Transition) -> None:
        before, after = self.job, transition.job
        check_step(before, transition)
        self.job = after
        self.events += transition.events
        self.take_effects(transition)

    def take_effects(self, transition: Transition) -> None:
        after = transition.job
        for effect in transition.effects:
            if isinstance(effect, HandOver):
                self.handed_over[effect.task] = after.tasks[effect.task].attempt


def check_step(before: JobRecord, transition: Transition) -> None:
    after = transition.job
    if before.at_rest:
        assert after == before
        assert (transition.events, transition.effects) == ((), ())
    for name, task in after.tasks.items():
        check_task_step(before.tasks[name], task)
        if task != before.tasks[name]:
            assert name in transition.changed
    check_effects(transition)


def check_run_again(before: JobRecord, transition: Transition) -> None:
    after = transition.job
    assert not after.at_rest
    assert (after.cancel_requested, after.expired, after.failure) == (False, False, None)
    for name, task in after.tasks.items():
        was = before.tasks[name]
        assert task == was if was.state == SUCCEEDED else task.state in (READY, WAITING)
        assert task.attempt == was.attempt + (task.state == READY)
    assert {effect.task for effect in transition.effects} == {t.name for t in after.tasks.values() if t.state == READY}


def check_task_step(before: TaskRecord, after: TaskRecord) -> None:
    assert after.attempt >= before.attempt
    if before.at_rest:
        assert after == before


def check_effects(transition: Transition) -> None:
    after = transition.job
    failing = any(task.state == task_pb2.TASK_STATE_FAILED for task in after.tasks.values())
    for effect in transition.effects:
        match effect:
            case HandOver(task=name):
                assert name in transition.changed
                # Within one batch a task may be handed over and go on, or be stopped, at once.
                assert after.tasks[name].attempt >= 1
            case Stop(task=name, attempt=attempt):
                assert after.cancel_requested or after.expired or failing
                assert attempt <= after.tasks[name].attempt
    moved_on = {event.task for event in transition.events}
    if not (after.cancel_requested or after.expired or failing):
        for effect in transition.effects:
            if isinstance(effect, HandOver) and effect.task not in moved_on:
                assert after.tasks[effect.task].state == READY


TestJobMachine = JobMachine.TestCase
TestJobMachine.settings = settings(
    max_examples=100,
    stateful_step_count=25,
    deadline=None,
    print_blob=True,
    suppress_health_check=[HealthCheck.too_slow],
)
