"""A stretch of a job's events as the frames that watchers are sent: rendered once, cut into pieces for each."""

from bisect import bisect_right
from collections.abc import Sequence
from typing import NamedTuple

from services.gateway.events import event_frame
from tutti.v1 import job_pb2

#: What is written to a client at once, unless a single event is larger: so much a client costs that does not read.
PIECE_BYTES = 48 * 1024

#: A cursor as what it is ordered by.
Place = tuple[int, int]


def place_of(cursor: str) -> Place:
    milliseconds, _, number = cursor.partition("-")
    return int(milliseconds or 0), int(number or 0)


class Piece(NamedTuple):
    """Frames that are written together."""

    body: bytes
    events: int
    #: Where a watcher stands that has been given it: the last event, and its number on the feed, -1 where it has none.
    cursor: str
    position: int


class Frames:
    def __init__(self, *, begin: Place = (0, 0)) -> None:
        #: The event before the first.
        self.begin = begin
        self.places: list[Place] = []
        self.bytes = 0
        self._frames: list[bytes] = []
        self._cursors: list[str] = []

    def __len__(self) -> int:
        return len(self._frames)

    def extend(self, events: Sequence[job_pb2.Event]) -> None:
        for event in events:
            rendered = event_frame(event)
            self._frames.append(rendered)
            self._cursors.append(event.event_id)
            self.places.append(place_of(event.event_id))
            self.bytes += len(rendered)

    def drop(self, count: int) -> None:
        """Forget so many of the oldest."""
        self.bytes -= sum(map(len, self._frames[:count]))
        del self._frames[:count], self._cursors[:count], self.places[:count]

    def after(self, place: Place) -> int:
        """The index of the first event after a place."""
        return bisect_right(self.places, place)

    def within(self, most_bytes: int) -> int:
        """How many of the newest are no larger than that together."""
        size, count = 0, 0
        for rendered in reversed(self._frames):
            size += len(rendered)
            if size > most_bytes:
                break
            count += 1
        return count

    def piece(self, first: int, end: int, *, offset: int | None) -> Piece:
        """What to write next to a watcher who stands before `first`. `offset` is the number of the event at index 0."""
        size, stop = len(self._frames[first]), first + 1
        while stop < end and size + len(self._frames[stop]) <= PIECE_BYTES:
            size += len(self._frames[stop])
            stop += 1
        position = -1 if offset is None else offset + stop
        return Piece(b"".join(self._frames[first:stop]), stop - first, self._cursors[stop - 1], position)
