"""The peers that can be measured, by name."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Peer:
    #: As it is asked for, and as its program in `theirs` is called.
    name: str
    #: As people write it.
    title: str
    #: A package of Python, not of Node.
    python: bool = True
    #: Never more jobs than that: the slowest would take minutes for what others do in seconds.
    most_jobs: int = 100_000


_ALL = (
    Peer(name="dramatiq", title="dramatiq"),
    Peer(name="taskiq", title="taskiq"),
    Peer(name="saq", title="SAQ"),
    Peer(name="bullmq", title="BullMQ", python=False),
    Peer(name="arq", title="arq", most_jobs=5_000),
    Peer(name="celery", title="Celery", most_jobs=2_000),
    Peer(name="rq", title="RQ", most_jobs=1_000),
)
PEERS: Mapping[str, Peer] = {peer.name: peer for peer in _ALL}
#: The fastest ones.
DEFAULT = ("dramatiq", "taskiq", "saq", "bullmq")
