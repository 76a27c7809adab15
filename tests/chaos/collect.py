"""Reads what a run left behind: jobs and logs from Redis, keys that should not be there, errors in services' logs."""

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from redis.exceptions import ResponseError

from services.orchestrator.store import keys, records
from services.orchestrator.store.jobs import JobStore
from tests.chaos.faults import Done
from tests.chaos.found import Seen
from tests.chaos.scenario import What
from tests.fixtures.keyspace import LONG_LIVED
from tutti.v1 import job_pb2

#: Events of a job that are read at once; none of a run has nearly as many.
MOST_EVENTS = 20_000


async def jobs_of(store: JobStore) -> dict[str, Seen]:
    """Every job that there is, whether anybody knows of it or not."""
    found = {}
    for partition in range(store.partitions):
        prefix = keys.job_prefix(partition)
        async for key in store.redis.scan_iter(match=f"{prefix}*", count=1_000):
            job_id = key.decode().removeprefix(prefix)
            if ":" not in job_id:
                job = records.job_message(await store.get(job_id))
                found[job_id] = Seen(job=job, events=await store.events(job_id, "", MOST_EVENTS))
    return found


async def unfinished(store: JobStore) -> int:
    """Entries on the streams: one for each job that is not at rest."""
    return sum([await store.redis.xlen(stream) for p in range(store.partitions) for stream in keys.streams(p)])


async def leftovers(store: JobStore, jobs: Mapping[str, Seen]) -> list[str]:
    partitions = range(store.partitions)
    found = [line for p in partitions for stream in keys.streams(p) for line in await _stream(store, stream)]
    found += [line for p in partitions for line in await _quota(store, p)]
    found += await _dead(store, jobs)
    # Every other one expires, except streams, which are empty, and indexes, which upkeep cleans.
    lasting = LONG_LIVED.union(*([*keys.streams(p), keys.open_jobs(p)] for p in partitions))
    indexes = tuple(prefix for p in partitions for prefix in (keys.owner_prefix(p), keys.dead(p, "")))
    async for raw in store.redis.scan_iter(count=1_000):
        key = raw.decode()
        if key in lasting or key.startswith(indexes):
            continue
        if await store.redis.ttl(key) == -1:
            found.append(f"{key} never expires")
    return found


async def _quota(store: JobStore, partition: int) -> list[str]:
    """Owners who are still said to have unfinished jobs."""
    counts = await store.redis.hgetall(keys.open_jobs(partition))
    return [f"{owner.decode()} still has {int(count)} jobs open" for owner, count in counts.items() if int(count)]


async def _dead(store: JobStore, jobs: Mapping[str, Seen]) -> list[str]:
    """Jobs that failed and are no dead letters, and the other way round."""
    dead: set[str] = set()
    for partition in range(store.partitions):
        async for key in store.redis.scan_iter(match=f"{keys.dead(partition, '')}*", count=1_000):
            dead |= {member.decode() for member in await store.redis.zrange(key, 0, -1)}
    failed = {job_id for job_id, seen in jobs.items() if seen.job.state == job_pb2.JOB_STATE_FAILED}
    missing = [f"{job_id} failed and is no dead letter" for job_id in sorted(failed - dead)]
    return missing + [f"{job_id} is a dead letter and has not failed" for job_id in sorted(dead - failed)]


async def _stream(store: JobStore, stream: str) -> list[str]:
    """What is left on a stream of jobs, and in the hands of whom."""
    found = []
    if count := await store.redis.xlen(stream):
        found.append(f"{stream} holds {count} entries")
    try:
        consumers = await store.redis.xinfo_consumers(stream, keys.GROUP)
    except ResponseError as error:
        return [*found, f"{stream}: {error}"]
    return found + [f"{one['name'].decode()} holds {one['pending']} of {stream}" for one in consumers if one["pending"]]


def strange_deaths(announced: Sequence[str], done: Sequence[Done]) -> list[str]:
    """Ends that the supervisor saw and nobody ordered."""
    ordered = Counter((one.target, one.what) for one in done)
    found = []
    for name, how in _deaths(announced):
        # SIGTERM by name: it was told before it had learned to listen.
        what = {"SIGKILL": What.KILL, "exit status 0": What.RESTART, "SIGTERM": What.RESTART}.get(how)
        if what is None or not ordered[name, what]:
            found.append(f"{name} ended by itself: {how}")
        else:
            ordered[name, what] -= 1
    return found + [line for line in announced if "did not stop within" in line]


def _deaths(announced: Sequence[str]) -> Iterator[tuple[str, str]]:
    for line in announced:
        name, died, how = line.partition(" died (")
        if died:
            yield name, how.partition(")")[0]


def logged_errors(directory: Path) -> list[str]:
    """What the services themselves called an error, each kind once."""
    found: Counter[str] = Counter()
    for path in sorted(directory.glob("*.log")):
        for line in path.read_text(errors="replace").splitlines():
            if said := _error(line):
                found[f"{path.stem} logged: {said}"] += 1
    return [f"{said} ({count} times)" for said, count in found.items()]


def _error(line: str) -> str:
    if line.startswith("Traceback"):
        return line
    if not line.startswith("{"):
        return ""
    try:
        said: Mapping[str, str] = json.loads(line)
    except ValueError:
        return ""  # cut short by a kill
    if said.get("level") not in ("ERROR", "CRITICAL"):
        return ""
    last = said.get("exception", "").strip().rpartition("\n")[2]
    if said.get("logger") == "uvicorn.error" and (
        "timeout graceful shutdown" in said["message"] or "Cancelled" in last
    ):
        # A gateway that leaves cuts off what outlasts its grace, such as a call to orchestrators that are all away.
        return ""
    return " ".join(filter(None, (said["level"], said["message"], said.get("error", ""), last)))
