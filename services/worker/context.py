"""What a running handler sees: its side of one attempt. Turns what the handler says into updates."""

import asyncio
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from services.worker.lines import LineBudget, LineLimit
from tutti import clock, errors, structs
from tutti.artifacts import Artifact, ArtifactKey, ArtifactStore
from tutti.handlers import JsonObject, SavedPoint
from tutti.v1 import artifact_pb2, task_pb2

#: Progress is recorded at most so often, in seconds: what is in between is conflated here, before it is recorded.
PROGRESS_INTERVAL = 0.1
#: Notes and results are small; what is larger belongs into an artifact. Bytes.
LARGEST_NOTE = 64 * 1024
LONGEST_LINE = 4_000

_LEVELS = frozenset({"DEBUG", "INFO", "WARNING", "ERROR"})


class AttemptContext:
    """Implements `tutti.handlers.Context`."""

    def __init__(
        self,
        lease: task_pb2.Lease,
        *,
        say: Callable[[task_pb2.Update], None],
        artifacts: ArtifactStore,
        work_dir: Path,
        lines: LineLimit,
    ) -> None:
        self._lease_id = lease.lease_id
        self._order = lease.order
        self._say = say
        self._artifacts = artifacts
        self._work_dir = work_dir
        #: The attempt's own directory, once it was asked for.
        self.made_workdir: Path | None = None
        self._cancelled: asyncio.Event | None = None
        self._held_back: task_pb2.Progress | None = None
        self._last_progress = -PROGRESS_INTERVAL
        self._timer: asyncio.TimerHandle | None = None
        self._lines = LineBudget(lines, time.monotonic())

    @property
    def job_id(self) -> str:
        return self._order.job_id

    @property
    def task(self) -> str:
        return self._order.task

    @property
    def attempt(self) -> int:
        return self._order.attempt

    @property
    def owner(self) -> str:
        return self._order.owner

    @property
    def request_id(self) -> str:
        return self._order.request_id

    @property
    def traceparent(self) -> str:
        return self._order.traceparent

    @property
    def workdir(self) -> Path:
        if self.made_workdir is None:
            self.made_workdir = self._work_dir / f"{self.job_id}.{self.task}.{self.attempt}"
            self.made_workdir.mkdir(parents=True, exist_ok=True, mode=0o700)
        return self.made_workdir

    @property
    def resume_from(self) -> SavedPoint | None:
        if not self._order.HasField("resume_from"):
            return None
        saved = self._order.resume_from
        return SavedPoint(
            note=structs.to_dict(saved.note),
            artifacts=tuple(from_message(artifact) for artifact in saved.artifacts),
        )

    @property
    def cancelled(self) -> asyncio.Event:
        # Made on first use: most handlers never ask.
        if self._cancelled is None:
            self._cancelled = asyncio.Event()
        return self._cancelled

    async def progress(self, fraction: float, message: str = "") -> None:
        progress = task_pb2.Progress(fraction=min(1.0, max(0.0, fraction)), message=message[:LONGEST_LINE])
        due = self._last_progress + PROGRESS_INTERVAL - time.monotonic()
        if due <= 0:
            self._say_progress(progress)
            return
        self._held_back = progress
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(due, self.flush)

    async def log(self, message: str, *, level: str = "INFO") -> None:
        if level not in _LEVELS:
            raise errors.InvalidInput(f"level: {level!r}; use one of {', '.join(sorted(_LEVELS))}", field="level")
        self.flush()
        if not self._lines.admits(time.monotonic()):
            return
        self._say_left_out()
        self._say_line(level, " ".join(message.splitlines())[:LONGEST_LINE])

    async def checkpoint(self, note: JsonObject, artifacts: tuple[Artifact, ...] = ()) -> None:
        checkpoint = task_pb2.Checkpoint(
            note=structs.from_dict(note), artifacts=[to_message(artifact) for artifact in artifacts]
        )
        check_size(checkpoint.note, "checkpoint")
        self.flush()
        self._say(self.update(checkpoint=checkpoint))

    async def artifact(self, name: str, source: Path | bytes, *, type: str) -> Artifact:
        key = str(ArtifactKey(job=self.job_id, task=self.task, attempt=self.attempt, name=name))
        stored = await self._artifacts.put(key, source, type=type)
        self.flush()
        self._say(self.update(artifact=to_message(stored)))
        return stored

    async def read(self, artifact: Artifact, into: Path) -> None:
        if not artifact.key.startswith(f"{self.job_id}/") and artifact.key not in self._order.readable_keys:
            raise errors.PermissionDenied(f"artifact {artifact.name!r} belongs to another job", field="artifact")
        found = await self._artifacts.read(artifact.key, into)
        # An input counts by the digests that it names: a result that came from another file would be taken for theirs.
        if artifact.sha256 and found.sha256 != artifact.sha256:
            into.unlink()
            raise errors.InvalidInput(
                f"artifact {artifact.name!r} has another SHA-256 than was said; describe it as its task did",
                field="artifact",
            )

    def flush(self) -> None:
        """Say the progress that is being held back; it must come before whatever is said next."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._held_back is not None:
            progress, self._held_back = self._held_back, None
            self._say_progress(progress)

    def finish(self) -> None:
        """Say what has been held back and what was left out, before the attempt is over."""
        self.flush()
        self._say_left_out()

    def update(self, **what: Any) -> task_pb2.Update:
        order = self._order
        return task_pb2.Update(
            job_id=order.job_id,
            task=order.task,
            attempt=order.attempt,
            lease_id=self._lease_id,
            time=clock.now(),
            **what,
        )

    def _say_left_out(self) -> None:
        if left_out := self._lines.left_out():
            self._say_line("WARNING", left_out)

    def _say_line(self, level: str, line: str) -> None:
        self._say(self.update(log=task_pb2.LogLine(level=level, message=line)))

    def _say_progress(self, progress: task_pb2.Progress) -> None:
        self._last_progress = time.monotonic()
        self._say(self.update(progress=progress))


def check_size(note: Any, what: str) -> None:
    size = note.ByteSize()
    if size > LARGEST_NOTE:
        raise errors.InvalidInput(
            f"{what}: {size:,} bytes; at most {LARGEST_NOTE:,} are allowed, put more into an artifact", field=what
        )


def to_message(artifact: Artifact) -> artifact_pb2.Artifact:
    return artifact_pb2.Artifact(
        name=artifact.name, type=artifact.type, size=artifact.size, sha256=artifact.sha256, key=artifact.key
    )


def from_message(message: artifact_pb2.Artifact) -> Artifact:
    return Artifact(name=message.name, type=message.type, size=message.size, sha256=message.sha256, key=message.key)
