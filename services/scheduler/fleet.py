"""Who could run what, and who has room. Pure: no clock, no I/O.

Workers with room for a kind stand in a ring for it; the one at its head is asked first and goes to the end, so that
load spreads evenly. A shape that asks for more than a slot gets a ring of its own when it is first asked for, for the
workers that have what it asks. Rings are mended lazily: a worker that turns out to have no room leaves the ring when it
is met there, and comes back when it has room again. A ring that was empty and is no more is news for those who wait.
"""

from collections import deque
from collections.abc import Iterable, Set
from dataclasses import dataclass, field

from services.scheduler.capacity import Capacity, suffices
from services.scheduler.orders import Shape
from tutti.v1 import scheduler_pb2


@dataclass(slots=True, eq=False)
class Served:
    """A kind that a worker serves."""

    kind: str
    concurrency: int
    models: frozenset[str]
    rings: "_Rings"
    ready: bool
    busy: int = 0
    #: Rings of the shapes that ask for more than a slot, and for nothing that this worker has not.
    special: "list[_Ring]" = field(default_factory=list)


@dataclass(slots=True, eq=False)
class Member:
    """A worker and its load."""

    info: scheduler_pb2.WorkerInfo
    worker_id: str
    ready_models: frozenset[str]
    slots: int
    capacity: Capacity
    busy: int = 0
    #: Suspect attempts among them.
    suspects: int = 0
    served: dict[str, Served] = field(default_factory=dict)
    #: It is asked for nothing more.
    closed: bool = False
    #: It is asked for nothing at the moment.
    suspended: bool = False
    #: It has left.
    gone: bool = False

    def has_room(self, served: Served) -> bool:
        return (
            self.busy < self.slots
            and served.ready
            and not (self.closed or self.suspended)
            and (not served.concurrency or served.busy < served.concurrency)
        )

    def suits(self, shape: Shape) -> bool:
        """Whether it has what a shape asks for, free or not."""
        labels = self.info.labels
        return suffices(self.info.resources, shape) and all(labels.get(key) == value for key, value in shape.labels)

    def fits(self, shape: Shape) -> bool:
        """Whether that is free."""
        return not (shape.suspect and self.suspects) and self.capacity.fits(shape)


@dataclass(slots=True, eq=False)
class Claim:
    """What an attempt occupies."""

    member: Member
    #: The kind there; None where an adopted attempt is of a kind that its worker serves no more.
    served: Served | None
    shape: Shape
    gpus: tuple[int, ...] = ()
    #: Who it counts for; None while that is not known.
    owner: str | None = None
    #: The limited models that it counts for.
    models: tuple[str, ...] = ()

    @property
    def worker_id(self) -> str:
        return self.member.worker_id

    @property
    def was_last(self) -> bool:
        """Whether this took the last room that was known of for its kind."""
        return self.served is not None and not self.served.rings.plain.standing


class _Ring:
    """Workers that may have room for a shape."""

    __slots__ = ("members", "plain", "shape", "standing")

    def __init__(self, shape: Shape) -> None:
        self.shape = shape
        self.plain = shape.plain
        self.members: deque[Member] = deque()
        self.standing: set[Member] = set()

    def add(self, member: Member) -> None:
        self.standing.add(member)
        self.members.append(member)

    def drop(self, member: Member) -> None:
        """Forget a member that has left. It is taken out when it is met; before that, it is not asked for anything."""
        self.standing.discard(member)
        if len(self.members) > 2 * len(self.standing) + 16:
            self.members = deque(each for each in self.members if each in self.standing)

    def first(self) -> Member | None:
        """The member that is asked next."""
        members, kind = self.members, self.shape.kind
        while members:
            member = members[0]
            if member.has_room(member.served[kind]) and (self.plain or member.fits(self.shape)):
                return member
            members.popleft()
            self.standing.discard(member)
        return None


class _Rings:
    """The rings of a kind."""

    __slots__ = ("members", "plain", "special")

    def __init__(self, kind: str) -> None:
        #: Everyone who serves it, in the order in which they came.
        self.members: dict[Member, None] = {}
        self.plain = _Ring(Shape(kind))
        self.special: dict[Shape, _Ring] = {}


class Fleet:
    def __init__(self) -> None:
        self._members: dict[str, Member] = {}
        self._kinds: dict[str, _Rings] = {}
        self._rings: dict[Shape, _Ring] = {}
        #: Shapes for which there was nobody, and now is.
        self._news: list[Shape] = []

    def __contains__(self, worker_id: str) -> bool:
        return worker_id in self._members

    def __len__(self) -> int:
        return len(self._members)

    def member(self, worker_id: str) -> Member:
        return self._members[worker_id]

    def join(self, info: scheduler_pb2.WorkerInfo, ready_models: Iterable[str]) -> None:
        self.leave(info.worker_id)
        ready = frozenset(ready_models)
        member = Member(info, info.worker_id, ready, info.slots, Capacity(info.resources))
        for kind in info.kinds:
            rings = self._kinds.get(kind.kind)
            if rings is None:
                rings = self._kinds[kind.kind] = _Rings(kind.kind)
                self._rings[rings.plain.shape] = rings.plain
            models = frozenset(kind.models)
            served = Served(kind.kind, kind.concurrency, models, rings, ready.issuperset(models))
            served.special += [ring for ring in rings.special.values() if member.suits(ring.shape)]
            rings.members[member] = None
            member.served[kind.kind] = served
        self._members[info.worker_id] = member
        self._offer(member)

    def leave(self, worker_id: str) -> None:
        member = self._members.pop(worker_id, None)
        if member is None:
            return
        member.gone = member.closed = True
        for served in member.served.values():
            del served.rings.members[member]
            for ring in (served.rings.plain, *served.special):
                ring.drop(member)

    def close(self, worker_id: str) -> None:
        """Ask this worker for nothing more."""
        self._members[worker_id].closed = True

    def suspend(self, worker_id: str, suspended: bool) -> None:
        """Ask this worker for nothing while it cannot be reached."""
        member = self._members.get(worker_id)
        if member is not None and member.suspended != suspended:
            member.suspended = suspended
            if not suspended:
                self._offer(member)

    def set_ready_models(self, worker_id: str, models: Iterable[str]) -> None:
        member, ready = self._members[worker_id], frozenset(models)
        if member.ready_models != ready:
            member.ready_models = ready
            for served in member.served.values():
                served.ready = ready.issuperset(served.models)
            self._offer(member)

    def place(self, shape: Shape) -> Claim | None:
        """Occupy a slot, and what else it asks for, for an order of this shape; None when nobody has room for it."""
        ring = self._rings.get(shape) or self._special(shape)
        member = ring.first() if ring is not None else None
        if ring is None or member is None:
            return None
        claim = self._occupy(member, shape, plain=ring.plain)
        if member.busy < member.slots:
            ring.members.rotate(-1)
        else:
            ring.members.popleft()
            ring.standing.discard(member)
        return claim

    def is_full(self, kind: str) -> bool:
        """Whether nobody has room for anything of a kind."""
        rings = self._kinds.get(kind)
        return rings is None or rings.plain.first() is None

    def occupy(self, worker_id: str, shape: Shape) -> Claim:
        """Occupy room at a worker that runs an attempt already, whether or not it has any."""
        return self._occupy(self._members[worker_id], shape, plain=shape.plain)

    def amend(self, claim: Claim, shape: Shape) -> None:
        """It has become known what the attempt asked for."""
        self._vacate(claim)
        fresh = self._occupy(claim.member, shape, plain=shape.plain)
        claim.shape, claim.gpus = fresh.shape, fresh.gpus
        self._offer(claim.member)

    def release(self, claim: Claim) -> None:
        self._vacate(claim)
        self._offer(claim.member)

    def news(self) -> list[Shape]:
        """Shapes for which there was nobody, and now is; a plain one stands for its whole kind. Each is told once."""
        told, self._news = self._news, []
        return told

    def forget_shapes(self, *, but: Set[Shape]) -> None:
        """Keep no rings for shapes that nobody waits for. One that is waited for must not be forgotten: there would be
        no more news of it."""
        for rings in self._kinds.values():
            unwanted = [ring for shape, ring in rings.special.items() if shape not in but]
            for ring in unwanted:
                del rings.special[ring.shape], self._rings[ring.shape]
            for member in rings.members if unwanted else ():
                served = member.served[rings.plain.shape.kind]
                served.special = [ring for ring in served.special if ring.shape in rings.special]

    def _occupy(self, member: Member, shape: Shape, *, plain: bool) -> Claim:
        member.busy += 1
        served = member.served.get(shape.kind)
        if served is not None:
            served.busy += 1
        if plain:
            return Claim(member, served, shape)
        member.suspects += shape.suspect
        return Claim(member, served, shape, member.capacity.take(shape))

    def _vacate(self, claim: Claim) -> None:
        member, served, shape = claim.member, claim.served, claim.shape
        member.busy -= 1
        if served is not None:
            served.busy -= 1
        member.suspects -= shape.suspect
        if shape[1:] != _NOTHING:
            member.capacity.give_back(shape, claim.gpus)

    def _special(self, shape: Shape) -> _Ring | None:
        """Begin a ring for a shape that asks for more than a slot."""
        rings = self._kinds.get(shape.kind)
        if rings is None:
            return None
        ring = self._rings[shape] = rings.special[shape] = _Ring(shape)
        for member in rings.members:
            if member.suits(shape):
                served = member.served[shape.kind]
                served.special.append(ring)
                if member.has_room(served) and member.fits(shape):
                    ring.add(member)
        return ring

    def _offer(self, member: Member) -> None:
        """Let a member into the rings that it may have room for."""
        if member.gone:
            return
        for served in member.served.values():
            plain = served.rings.plain
            standing = member in plain.standing
            if (standing and not served.special) or not member.has_room(served):
                continue
            if not standing:
                self._add(plain, member)
            for ring in served.special:
                if member not in ring.standing and member.fits(ring.shape):
                    self._add(ring, member)

    def _add(self, ring: _Ring, member: Member) -> None:
        if not ring.standing:
            self._news.append(ring.shape)
        ring.add(member)


#: What follows the kind in a plain shape.
_NOTHING = Shape("")[1:]
