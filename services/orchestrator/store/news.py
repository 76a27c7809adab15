"""What was recorded of many jobs since somebody looked: events and, of jobs seen for the first time, who they are."""

from collections.abc import Mapping
from dataclasses import dataclass

from services.orchestrator import ids
from services.orchestrator.store import keys
from services.orchestrator.store.jobs import JobStore
from services.orchestrator.store.values import event_of
from tutti import redis_client
from tutti.v1 import job_pb2

#: Events that one job contributes to a read.
PAGE = 500


@dataclass(frozen=True, kw_only=True, slots=True)
class Card:
    """What a filter asks about a job."""

    state: int
    create_ms: int
    labels: Mapping[str, str]


@dataclass(frozen=True, kw_only=True, slots=True)
class News:
    job_id: str
    events: list[job_pb2.Event]
    #: Absent where it was not asked for, or where the job has gone.
    card: Card | None = None
    #: More is there than one read brings.
    more: bool = False


async def read(store: JobStore, wanted: Mapping[str, str], *, cards: frozenset[str]) -> list[News]:
    """Events of jobs from a stream position on (`<cursor>` with it, `(<cursor>` after it), in one round trip."""
    with redis_client.translated():
        pipeline = store.redis.pipeline(transaction=False)
        for job_id, position in wanted.items():
            partition = ids.partition_of(job_id, store.partitions)
            pipeline.xrange(keys.events(partition, job_id), position, "+", PAGE)
            if job_id in cards:
                pipeline.hmget(keys.job(partition, job_id), ["state", "create_ms", "spec"])
        answers = iter(await pipeline.execute())
    found = []
    for job_id in wanted:
        rows = next(answers)
        card = _card(*next(answers)) if job_id in cards else None
        events = [event_of(job_id, cursor, fields) for cursor, fields in rows]
        found.append(News(job_id=job_id, events=events, card=card, more=len(events) == PAGE))
    return found


def _card(state: bytes | None, create_ms: bytes | None, spec: bytes | None) -> Card | None:
    if state is None or create_ms is None or spec is None:
        return None
    return Card(state=int(state), create_ms=int(create_ms), labels=dict(job_pb2.JobSpec.FromString(spec).labels))
