"""What waits for a worker, and what goes next. Pure: time comes in as a parameter, and there is no I/O.

Higher priority first; within one priority owners take turns by their weights (`turns.py`); within one owner's orders
the oldest goes first. What cannot be placed holds up nothing behind it: kinds and shapes are shut until there is news
of them, owners at their limit step aside, and neither is looked at again before.

Ageing: an order that has waited for the ageing time counts as one priority higher, after twice that as two higher. So
none starves: one that counts as high goes before everything of its owner and kind that was queued after it, and between
two turns of its owner every other owner has no more than its weight says, whatever keeps arriving. That holds among
orders that could be placed at all: nothing makes room for a shape that no worker has room for.
"""

import math
from collections.abc import Callable, Iterator, Mapping, Set
from enum import IntEnum
from heapq import heappop, heapreplace
from typing import NamedTuple, TypeVar

from services.scheduler.orders import Shape, TaskKey
from services.scheduler.turns import Gate, Line, Owner, Turns, Waiting
from tutti.v1 import task_pb2

#: In the order in which they are served; a level is an index into it.
PRIORITIES = (task_pb2.PRIORITY_HIGH, task_pb2.PRIORITY_NORMAL, task_pb2.PRIORITY_LOW)
_LEVELS = {int(priority): level for level, priority in enumerate(PRIORITIES)}
_NORMAL = PRIORITIES.index(task_pb2.PRIORITY_NORMAL)

P = TypeVar("P")


class Hold(IntEnum):
    """Why nothing of a kind is placed; several reasons add up."""

    #: No worker that serves it has room.
    FULL = 1
    #: Somebody asked for it.
    PAUSED = 2
    #: A model that it needs is at its limit.
    LIMITED = 4


class Depth(NamedTuple):
    """What waits of one kind, priority and owner."""

    kind: str
    priority: task_pb2.Priority.ValueType
    owner: str
    depth: int
    oldest_ms: int


class TaskQueue:
    def __init__(
        self,
        *,
        ageing_ms: int = 0,
        weights: Mapping[str, float] | None = None,
        owner_limit: int = 0,
        owner_limits: Mapping[str, int] | None = None,
    ) -> None:
        """`ageing_ms` 0: orders do not age. An owner without a weight has 1, and one without a limit of its own has
        `owner_limit`; 0 is none."""
        self._ageing_ms: float = ageing_ms or math.inf
        self._weights = weights or {}
        self._owner_limit = owner_limit
        self._owner_limits = owner_limits or {}
        self._now_ms = 0
        self._by_key: dict[TaskKey, Waiting] = {}
        self._number = 0
        self._owners: dict[str, Owner] = {}
        self._virtual = 0.0
        self._turns: tuple[dict[str, Turns], ...] = tuple({} for _ in PRIORITIES)
        #: Those of them that may have something to place.
        self._open: tuple[dict[str, Turns], ...] = tuple({} for _ in PRIORITIES)
        self._gates: dict[Shape, Gate] = {}
        #: Kinds of which nothing is placed, and why: a sum of reasons.
        self._held: dict[str, int] = {}

    def __len__(self) -> int:
        return len(self._by_key)

    def __iter__(self) -> Iterator[Waiting]:
        return iter(self._by_key.values())

    def find(self, key: TaskKey) -> Waiting | None:
        return self._by_key.get(key)

    # --- orders

    def push(self, waiting: Waiting) -> None:
        """Add an order at the end; an earlier one for the same task is replaced."""
        if waiting.key in self._by_key:
            self.remove(waiting.key)
        self._by_key[waiting.key] = waiting
        self._number += 1
        waiting.number = self._number
        order, shape = waiting.order, waiting.shape
        owner = self._owners.get(order.owner) or self._new_owner(order.owner)
        base = _LEVELS.get(order.priority, _NORMAL)
        line = owner.lines.get((base, shape))
        if line is None:
            turns = self._turns_of(base, shape.kind)
            gate = self._gates.setdefault(shape, Gate())
            line = Line(owner, shape, base, turns.group(shape, gate), turns.account(owner))
            owner.lines[base, shape] = line
        waiting.line = line
        line.entries.append(waiting)
        line.live += 1
        if line.live == 1:
            self._enter(line)

    def remove(self, key: TaskKey) -> Waiting | None:
        """Take an order out wherever it stands."""
        waiting = self._by_key.pop(key, None)
        line = waiting.line if waiting is not None else None
        if waiting is None or line is None:
            return None
        waiting.removed = True
        line.live -= 1
        former = line.number
        line.drop_removed()
        if line.number not in (0, former):
            self._enter(line)
        return waiting

    def next(self, place: Callable[[Shape], P | None]) -> tuple[Waiting, P] | None:
        """The order whose turn it is and the place that `place` found for its shape, or None when nothing that waits
        can be placed. A shape for which none was found is not asked for again before `reopen`."""
        for kinds in self._open:
            while kinds and (line := self._foremost(kinds)) is not None:
                placed = place(line.shape)
                if placed is not None:
                    return self._take(line), placed
                if line.shape.kind not in self._held:
                    self._gates[line.shape].shut = True
        return None

    def _foremost(self, kinds: dict[str, Turns]) -> Line | None:
        """The line whose turn it is; between kinds it is the turn of the owner who had the fewest."""
        chosen: Line | None = None
        idle = []
        for kind, turns in kinds.items():
            line = turns.best() if kind not in self._held else None
            if line is None:
                idle.append(kind)
            elif chosen is None or (line.owner.tag, line.number) < (chosen.owner.tag, chosen.number):
                chosen = line
        for kind in idle:
            del kinds[kind]
        return chosen

    def _take(self, line: Line) -> Waiting:
        """Hand out the first order of a line which stands at the top of its group."""
        group, account, owner = line.group, line.account, line.owner
        waiting = line.entries.popleft()
        del self._by_key[waiting.key]
        line.live -= 1
        line.drop_removed()
        group.turns.served(account, owner.stride)
        if owner.tag < self._virtual:
            owner.tag = self._virtual
        else:
            self._virtual = owner.tag
        owner.tag += owner.stride
        if owner.limit:
            owner.running += 1
        if not line.number:
            heappop(group.heap)
        elif group.turns.level == line.base:
            heapreplace(group.heap, (account.tag, line.number, line))
        else:
            # It had aged; the next one may have waited for less.
            heappop(group.heap)
            self._enter(line)
        return waiting

    def _enter(self, line: Line) -> None:
        """Let a line take part with its first order."""
        owner, turns, level = line.owner, line.group.turns, self._level(line)
        line.number = line.entries[0].number
        if turns.level != level:
            turns = self._turns_of(level, line.shape.kind)
            line.group, line.account = turns.group(line.shape, line.group.gate), turns.account(owner)
        if owner.tag < self._virtual:
            owner.tag = self._virtual
        if owner.held:
            line.entered = False
        else:
            turns.enter(line)
            self._open[level][turns.kind] = turns

    def _level(self, line: Line) -> int:
        """How urgent the first order of a line is by now."""
        waited = self._now_ms - line.entries[0].queued_ms
        return line.base if waited < self._ageing_ms else max(0, line.base - int(waited // self._ageing_ms))

    # --- what may be placed

    def hold(self, kind: str, why: Hold) -> None:
        """Place nothing of a kind until every reason is gone."""
        self._held[kind] = self._held.get(kind, 0) | why

    def release(self, kind: str, why: Hold) -> None:
        left = self._held.get(kind, 0) & ~why
        if left:
            self._held[kind] = left
        elif self._held.pop(kind, None) is not None:
            for turns, kinds in zip(self._turns, self._open, strict=True):
                if kind in turns:
                    kinds[kind] = turns[kind]

    def paused(self) -> list[str]:
        return sorted(kind for kind, why in self._held.items() if why & Hold.PAUSED)

    def reopen(self, shape: Shape) -> None:
        """Ask for a shape again: somebody may have room for it."""
        gate = self._gates.get(shape)
        if gate is None or not gate.shut:
            return
        gate.shut = False
        for turns, kinds in zip(self._turns, self._open, strict=True):
            of_kind = turns.get(shape.kind)
            group = of_kind.groups.get(shape) if of_kind is not None else None
            if of_kind is not None and group is not None:
                of_kind.post(group)
                kinds[shape.kind] = of_kind

    # --- owners

    def began(self, owner: str) -> None:
        """An attempt that did not come from this queue counts against its owner's limit."""
        known = self._owners.get(owner) or self._new_owner(owner)
        known.running += 1 if known.limit else 0

    def ended(self, owner: str) -> None:
        """An attempt of this owner is over."""
        known = self._owners.get(owner)
        if known is None or not known.limit:
            return
        was_held = known.held
        known.running -= 1
        if was_held and not known.held:
            for line in known.lines.values():
                if line.live and not line.entered:
                    self._enter(line)

    def _new_owner(self, name: str) -> Owner:
        stride = 1.0 / self._weights.get(name, 1.0)
        limit = self._owner_limits.get(name, self._owner_limit)
        owner = self._owners[name] = Owner(name, stride, limit, tag=self._virtual)
        return owner

    # --- upkeep

    def age(self, now_ms: int) -> None:
        """Let what has waited for long count for more, and forget owners and shapes of which nothing waits. Looks at
        the first order of each line: call it now and then."""
        self._now_ms = now_ms
        for turns in self._every_turns():
            turns.unuse()
        for owner in list(self._owners.values()):
            owner.lines = {key: line for key, line in owner.lines.items() if line.live}
            for line in owner.lines.values():
                self._look_at(line)
            if not owner.lines and not owner.running:
                del self._owners[owner.name]
        for turns in self._every_turns():
            turns.forget_unused()
        shapes = {line.shape for owner in self._owners.values() for line in owner.lines.values()}
        self._gates = {shape: gate for shape, gate in self._gates.items() if shape in shapes}

    def _look_at(self, line: Line) -> None:
        if line.group.turns.level != self._level(line):
            self._enter(line)
        line.group.used = line.account.used = True

    def _turns_of(self, level: int, kind: str) -> Turns:
        turns = self._turns[level].get(kind)
        if turns is None:
            turns = self._turns[level][kind] = Turns(level, kind)
        return turns

    def _every_turns(self) -> Iterator[Turns]:
        for turns in self._turns:
            yield from turns.values()

    def shapes(self) -> Set[Shape]:
        """What is waited for; some of it perhaps no more, until it `age`s."""
        return self._gates.keys()

    def depths(self) -> list[Depth]:
        """What waits, by kind, priority and owner."""
        found: dict[tuple[str, task_pb2.Priority.ValueType, str], tuple[int, int]] = {}
        for owner in self._owners.values():
            for line in owner.lines.values():
                if line.live:
                    key = (line.shape.kind, PRIORITIES[line.base], owner.name)
                    count, oldest = found.get(key, (0, line.entries[0].queued_ms))
                    found[key] = (count + line.live, min(oldest, line.entries[0].queued_ms))
        return [Depth(*key, *found[key]) for key in sorted(found)]
