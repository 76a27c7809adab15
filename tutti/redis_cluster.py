"""Several Redis servers as one client: each command goes to the node that holds its key, each node has a plain client.

redis-py brings a client for clusters too. It fits a mesh badly: a single node that is away makes it close what it has
open to all the others, and hold up every command while it looks around anew; it asks a node where the keys of each
XREADGROUP are; its pools refuse where they should wait. So this is a map from slots to clients, and no more; a master
that Sentinels watch over is the map with one entry. What is left to callers is what is left to them with one server: to
repeat a command when they know that they may.
"""

import asyncio
import contextlib
import random
from collections.abc import Callable, Sequence
from typing import Any

from redis.commands import AsyncCoreCommands
from redis.crc import REDIS_CLUSTER_HASH_SLOTS as SLOTS
from redis.crc import key_slot
from redis.exceptions import (
    AskError,
    ClusterDownError,
    ConnectionError,
    DataError,
    MovedError,
    NoScriptError,
    ReadOnlyError,
    ResponseError,
    TimeoutError,
    TryAgainError,
)

from tutti import errors
from tutti.redis_urls import Address

#: Answers of "not here" or "not now" that one command puts up with.
MOST_HOPS = 8
#: How long a node is asked for the map before another one is.
MAP_SECONDS = 1.0
#: The map is not read more often than that: while a node is away, each command to it asks for a new one.
MAP_PAUSE_SECONDS = 0.25
TRY_AGAIN_SECONDS = 0.05

Command = tuple[tuple[Any, ...], dict[str, Any]]
#: redis-py types what its own clients bring along, and no answers.
_Commands: Any = AsyncCoreCommands
_Node = Any


class Cluster(_Commands):  # type: ignore[misc]  # the base is Any
    """Takes commands of one key, or of several in one slot. `open_node` makes the client of a node; it does not connect
    before it is used."""

    def __init__(self, seeds: Sequence[Address], open_node: Callable[[Address], _Node]) -> None:
        self._seeds = tuple(seeds)
        self._open_node = open_node
        self._nodes: dict[Address, _Node] = {}
        #: Which node holds each slot; empty until somebody was asked.
        self._owners: dict[int, Address] = {}
        #: Everyone who can be asked for the map, replicas included.
        self._known: frozenset[Address] = frozenset()
        self._reading = asyncio.Lock()
        self._refreshing: asyncio.Task[None] | None = None
        self._read_at = float("-inf")
        self._sources: dict[str, Any] = {}

    def register_script(self, script: Any) -> Any:
        registered = super().register_script(script)
        self._sources[registered.sha] = script
        return registered

    def pipeline(self, transaction: bool = False) -> "ClusterPipeline":
        if transaction:
            raise DataError("no transactions over several nodes; use a script")
        return ClusterPipeline(self)

    def pubsub(self, **options: Any) -> Any:
        """A channel to one of the nodes, for each passes on to the others what is published. When it breaks, ask for
        another."""
        nodes = self._masters() or self._seeds
        if not nodes:
            raise ConnectionError("nobody was asked yet where the nodes are")
        return self._node(random.choice(nodes)).pubsub(**options)  # noqa: S311  not a secret

    async def masters(self) -> list[_Node]:
        """The clients of all nodes that hold slots."""
        if not self._owners:
            await self._read_map()
        return [self._node(address) for address in self._masters()]

    async def execute_command(self, *args: Any, **options: Any) -> Any:
        if args[0] == "PING":
            return await random.choice(await self.masters()).execute_command("PING")  # noqa: S311  not a secret
        address, asking = await self.owner(slot_of(args)), False
        for _ in range(MOST_HOPS):
            try:
                return await self._at(self._node(address), args, options, asking)
            except MovedError as error:
                address, asking = self._moved(error, address), False
            except AskError as error:
                address, asking = Address(error.host or address.host, error.port), True
            except TryAgainError:
                await asyncio.sleep(TRY_AGAIN_SECONDS)
            except (ConnectionError, TimeoutError, ClusterDownError, ReadOnlyError):
                # Somebody else may hold the slot by now; who repeats the command finds out.
                self.look_again()
                raise
        raise ClusterDownError("the cluster does not agree on where the key is")

    async def owner(self, slot: int) -> Address:
        if not self._owners:
            await self._read_map()
        owner = self._owners.get(slot)
        if owner is None:
            self.look_again()
            raise ClusterDownError("no node holds the slot")
        return owner

    async def send(self, address: Address, commands: Sequence[Command]) -> list[Any]:
        """Commands to one node in one round trip; errors are answers here."""
        pipeline = self._node(address).pipeline(transaction=False)
        for args, options in commands:
            pipeline.execute_command(*args, **options)
        try:
            answers: list[Any] = await pipeline.execute(raise_on_error=False)
        except (ConnectionError, TimeoutError):
            self.look_again()
            raise
        return answers

    def look_again(self) -> None:
        """Read the map anew, in the background: commands to nodes that are well do not wait for it."""
        if self._refreshing is not None and not self._refreshing.done():
            return
        loop = asyncio.get_running_loop()
        if loop.time() >= self._read_at + MAP_PAUSE_SECONDS:
            self._refreshing = loop.create_task(self._refresh(), name="redis-cluster-map")

    async def aclose(self) -> None:
        if self._refreshing is not None:
            self._refreshing.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._refreshing
        for node in self._nodes.values():
            await node.aclose()

    async def _at(self, node: _Node, args: Sequence[Any], options: dict[str, Any], asking: bool) -> Any:
        try:
            return await _sent(node, args, options, asking)
        except NoScriptError:
            # Each node knows only the scripts that were run there.
            return await _sent(node, ("EVAL", self._sources[args[1]], *args[2:]), options, asking)

    def _node(self, address: Address) -> _Node:
        node = self._nodes.get(address)
        if node is None:
            node = self._nodes[address] = self._open_node(address)
        return node

    def _masters(self) -> list[Address]:
        return sorted(set(self._owners.values()))

    def _moved(self, error: MovedError, asked: Address) -> Address:
        owner = self._owners[error.slot_id] = Address(error.host or asked.host, error.port)
        self.look_again()
        return owner

    async def _refresh(self) -> None:
        with contextlib.suppress(ConnectionError, ClusterDownError):
            await self._read_map()

    async def _read_map(self) -> None:
        """Ask one node after another until one answers."""
        begun = asyncio.get_running_loop().time()
        async with self._reading:
            if self._read_at > begun:
                return
            for address in self._candidates():
                try:
                    async with asyncio.timeout(MAP_SECONDS):
                        found = await self._ask(address)
                except (ConnectionError, TimeoutError, ClusterDownError, OSError):
                    continue
                if found:
                    await self._learn(found, address)
                    return
            raise ConnectionError("nobody knows where the nodes are")

    async def _ask(self, address: Address) -> Sequence[Sequence[Any]]:
        """The map as a node knows it: per range its first and last slot, then (host, port) of master and replicas."""
        try:
            found: Sequence[Sequence[Any]] = await self._node(address).execute_command("CLUSTER SLOTS")
        except ClusterDownError:
            raise
        except ResponseError as error:
            raise errors.PreconditionFailed(
                f"REDIS_URL: {address.host}:{address.port} is not part of a cluster; name a node that is, or write "
                "redis:// for a single server",
                field="REDIS_URL",
                reason="REDIS_NOT_A_CLUSTER",
            ) from error
        return found

    def _candidates(self) -> list[Address]:
        known = list(self._known)
        random.shuffle(known)
        return list(dict.fromkeys((*known, *self._seeds)))

    async def _learn(self, ranges: Sequence[Sequence[Any]], asked: Address) -> None:
        owners: dict[int, Address] = {}
        known: set[Address] = set()
        for first, last, *nodes in ranges:
            # An empty host is the one that was asked.
            master, *replicas = [Address(host.decode() or asked.host, port) for host, port, *_ in nodes]
            known |= {master, *replicas}
            owners.update(dict.fromkeys(range(first, last + 1), master))
        self._owners, self._known = owners, frozenset(known)
        self._read_at = asyncio.get_running_loop().time()
        for address in self._nodes.keys() - known - set(self._seeds):
            await self._nodes.pop(address).aclose()


class Watched(Cluster):
    """One master at a time: the one that the Sentinels name."""

    def __init__(
        self,
        service: str,
        sentinels: Sequence[Address],
        open_sentinel: Callable[[Address], _Node],
        open_node: Callable[[Address], _Node],
    ) -> None:
        super().__init__((), open_node)
        self._service = service
        self._sentinels = {address: open_sentinel(address) for address in sentinels}

    async def aclose(self) -> None:
        await super().aclose()
        for sentinel in self._sentinels.values():
            await sentinel.aclose()

    async def _ask(self, address: Address) -> Sequence[Sequence[Any]]:
        # In two words: redis-py has a shape of its own for the answer to the one.
        found = await self._sentinels[address].execute_command("SENTINEL", "GET-MASTER-ADDR-BY-NAME", self._service)
        return [(0, SLOTS - 1, (found[0], int(found[1])))] if found else []

    def _candidates(self) -> list[Address]:
        return random.sample(list(self._sentinels), len(self._sentinels))


class ClusterPipeline(_Commands):  # type: ignore[misc]  # as above
    """Commands that are sent together, to each node those that are its own. Not atomic."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self._commands: list[Command] = []

    def execute_command(self, *args: Any, **options: Any) -> "ClusterPipeline":
        self._commands.append((args, options))
        return self

    async def execute(self) -> list[Any]:
        """The answers in the order of the commands; the first error is raised once all nodes have answered."""
        commands, self._commands = self._commands, []
        numbers: dict[Address, list[int]] = {}
        for number, (args, _) in enumerate(commands):
            numbers.setdefault(await self._cluster.owner(slot_of(args)), []).append(number)
        answers: list[Any] = [None] * len(commands)
        found = await asyncio.gather(
            *(self._cluster.send(address, [commands[number] for number in own]) for address, own in numbers.items()),
            return_exceptions=True,
        )
        for own, answered in zip(numbers.values(), found, strict=True):
            for place, number in enumerate(own):
                answers[number] = answered if isinstance(answered, BaseException) else answered[place]
        for number, answer in enumerate(answers):
            if isinstance(answer, AskError | TryAgainError):
                args, options = commands[number]
                answers[number] = await self._cluster.execute_command(*args, **options)
            elif isinstance(answer, BaseException):
                raise answer
        return answers


async def _sent(node: _Node, args: Sequence[Any], options: dict[str, Any], asking: bool) -> Any:
    if not asking:
        return await node.execute_command(*args, **options)
    # The permission to ask holds for the next command on the same connection.
    pipeline = node.pipeline(transaction=False)
    pipeline.execute_command("ASKING")
    pipeline.execute_command(*args, **options)
    return (await pipeline.execute())[1]


def slot_of(args: Sequence[Any]) -> int:
    """The slot of a command's first key; when its keys lie in several, the node says so."""
    match args:
        case ("EVALSHA" | "EVAL", _, _, key, *_):
            pass
        case ("XREADGROUP" | "XREAD", *rest) if b"STREAMS" in rest:
            key = rest[rest.index(b"STREAMS") + 1]
        case (_, key, *_):
            pass
        case _:
            raise DataError(f"{args[0]} names no key, and a cluster has a node for each; ask its masters one by one")
    slot: int = key_slot(key if isinstance(key, bytes) else str(key).encode())
    return slot
