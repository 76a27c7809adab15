"""Whose turn it is among those who wait for one kind at one level of urgency. Pure: no clock, no I/O.

Start-time fair queueing: an owner's tag grows by 1 / weight with each turn, and the smallest tag goes next. Virtual
time is the tag at which the last turn began. Who comes anew, or could not be served for a while, starts from virtual
time: nobody has credit for turns that were missed, so an owner who submits a single order goes next, whatever others
have waiting.

Orders stand in lines (one per owner, shape and priority), lines in groups (one per shape), groups in turns (one per
kind and level). Each is a heap over the one below; a key only grows while it stands in a heap, and is mended when it is
met at the top. So a turn costs the logarithm of what waits, and what is held back costs nothing once it was met.
"""

from collections import deque
from dataclasses import dataclass, field
from heapq import heappop, heappush, heapreplace

from services.scheduler.orders import Shape, TaskKey
from tutti.v1 import task_pb2


@dataclass(slots=True, eq=False)
class Waiting:
    """An order in the queue."""

    order: task_pb2.TaskOrder
    shape: Shape
    #: Whose stream shall carry what becomes of it.
    orchestrator_id: str
    queued_ms: int
    key: TaskKey = field(init=False)
    #: Where it stands among all that ever came; 0 before it was queued.
    number: int = field(default=0, init=False)
    removed: bool = field(default=False, init=False)
    line: "Line | None" = field(default=None, init=False)

    def __post_init__(self) -> None:
        self.key = (self.order.job_id, self.order.task)


@dataclass(slots=True, eq=False)
class Owner:
    """One whose orders take turns with those of others."""

    name: str
    #: How far a turn takes it: 1 / weight.
    stride: float
    #: Attempts at a time; 0: no limit.
    limit: int
    #: Attempts that count against the limit.
    running: int = 0
    #: Decides between kinds.
    tag: float = 0.0
    lines: dict[tuple[int, Shape], "Line"] = field(default_factory=dict)

    @property
    def held(self) -> bool:
        return 0 < self.limit <= self.running


@dataclass(slots=True, eq=False)
class Account:
    """How far an owner is in one kind at one level."""

    tag: float
    used: bool = True


@dataclass(slots=True, eq=False)
class Line:
    """Orders of one owner, shape and priority, oldest first. The first one counts, always; others may be removed."""

    owner: Owner
    shape: Shape
    #: The level of its priority, before any ageing.
    base: int
    group: "Group"
    account: Account
    entries: deque[Waiting] = field(default_factory=deque)
    #: Entries that were not removed.
    live: int = 0
    #: Of the first entry; 0 where there is none.
    number: int = 0
    #: It stands in its group's heap.
    entered: bool = False

    def drop_removed(self) -> None:
        entries = self.entries
        while entries and entries[0].removed:
            entries.popleft()
        if len(entries) > 2 * self.live + 16:
            self.entries = deque(entry for entry in entries if not entry.removed)
        self.number = self.entries[0].number if self.entries else 0


@dataclass(slots=True, eq=False)
class Gate:
    """Whether a shape is asked for; shared by its groups at all levels."""

    shut: bool = False


#: Tag, number of the first order, and whose they are. Numbers differ, so lines are never compared.
_LineEntry = tuple[float, int, Line]
_GroupEntry = tuple[float, int, "Group"]


class Group:
    """Lines of one shape."""

    __slots__ = ("gate", "heap", "posted", "turns", "used")

    def __init__(self, turns: "Turns", gate: Gate) -> None:
        self.turns = turns
        self.gate = gate
        self.heap: list[_LineEntry] = []
        #: The one entry for this group in the heap above that counts.
        self.posted: _GroupEntry | None = None
        self.used = True

    def best(self) -> _LineEntry | None:
        if self.gate.shut:
            return None
        heap = self.heap
        while heap:
            entry = heap[0]
            tag, number, line = entry
            if line.number != number or line.group is not self:
                heappop(heap)
            elif line.owner.limit and line.owner.held:
                heappop(heap)
                line.entered = False
            elif line.account.tag > tag:
                heapreplace(heap, (line.account.tag, number, line))
            else:
                return entry
        return None


class Turns:
    """Groups of one kind at one level."""

    __slots__ = ("accounts", "groups", "heap", "kind", "level", "virtual")

    def __init__(self, level: int, kind: str) -> None:
        self.level = level
        self.kind = kind
        self.virtual = 0.0
        self.groups: dict[Shape, Group] = {}
        self.accounts: dict[str, Account] = {}
        self.heap: list[_GroupEntry] = []

    def best(self) -> Line | None:
        """The line whose turn it is."""
        heap = self.heap
        while heap:
            entry = heap[0]
            group = entry[2]
            top = group.best() if group.posted is entry else None
            if top is None:
                heappop(heap)
                if group.posted is entry:
                    group.posted = None
            elif top[1] == entry[1] and top[0] == entry[0]:
                return top[2]
            else:
                group.posted = (top[0], top[1], group)
                heapreplace(heap, group.posted)
        return None

    def group(self, shape: Shape, gate: Gate) -> Group:
        group = self.groups.get(shape)
        if group is None:
            group = self.groups[shape] = Group(self, gate)
        return group

    def account(self, owner: Owner) -> Account:
        account = self.accounts.get(owner.name)
        if account is None:
            account = self.accounts[owner.name] = Account(self.virtual)
        return account

    def enter(self, line: Line) -> None:
        """A line that belongs here has a new first order, or may be served again."""
        group, account = line.group, line.account
        if account.tag < self.virtual:
            account.tag = self.virtual
        line.entered = True
        heappush(group.heap, (account.tag, line.number, line))
        self.post(group)

    def post(self, group: Group) -> None:
        """Make a group take part with its best line."""
        top = None if group.gate.shut else group.heap[0] if group.heap else None
        posted = group.posted
        if top is not None and (posted is None or (top[0], top[1]) < (posted[0], posted[1])):
            group.posted = (top[0], top[1], group)
            heappush(self.heap, group.posted)

    def served(self, account: Account, stride: float) -> None:
        """An owner had its turn."""
        if account.tag < self.virtual:
            account.tag = self.virtual
        else:
            self.virtual = account.tag
        account.tag += stride

    def unuse(self) -> None:
        """Mark everything as unused; the caller marks again what is."""
        for account in self.accounts.values():
            account.used = False
        for group in self.groups.values():
            group.used = False

    def forget_unused(self) -> None:
        """Drop groups of which nothing waits, and accounts that are not ahead either: an owner who comes one order at a
        time must not be taken for a new one each time."""
        self.accounts = {
            name: account for name, account in self.accounts.items() if account.used or account.tag > self.virtual
        }
        self.groups = {shape: group for shape, group in self.groups.items() if group.used}
