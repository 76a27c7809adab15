"""Finds the mesh that a command is about: what was said, else the environment, else a data directory."""

import contextlib
import os
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from tutti import errors
from tutti.cli.inputs import addresses
from tutti.client import Client
from tutti.embedded import endpoints
from tutti.embedded.lock import is_alive
from tutti.embedded.options import DEFAULT_DATA_DIR

REMEDY = "start one with `tutti up`, or say where it is with --address"


@dataclass(frozen=True, kw_only=True, slots=True)
class Where:
    """What the user said about the mesh."""

    address: str = ""
    data_dir: Path | None = None
    timeout_seconds: float = 10.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Found:
    orchestrators: tuple[str, ...] = ()
    schedulers: tuple[str, ...] = ()


def find(where: Where, environment: Mapping[str, str]) -> Found:
    if where.address:
        given = addresses(where.address, field="--address")
        return Found(orchestrators=given, schedulers=given)
    orchestrators, schedulers = (
        addresses(environment.get(name, ""), field=name) for name in ("TUTTI_ORCHESTRATORS", "TUTTI_SCHEDULERS")
    )
    # A data directory that was named outranks the environment, which may be about another mesh.
    if where.data_dir is None and (orchestrators or schedulers):
        return Found(orchestrators=orchestrators, schedulers=schedulers)
    return _in_directory(data_dir(where, environment))


def data_dir(where: Where, environment: Mapping[str, str]) -> Path:
    return where.data_dir or Path(environment.get("TUTTI_DATA_DIR") or DEFAULT_DATA_DIR)


def _in_directory(directory: Path) -> Found:
    read = endpoints.read(directory)
    if read is None:
        raise errors.Unavailable(f"no mesh runs in {directory}; {REMEDY}", reason="NO_MESH")
    if not is_alive(read.pid):
        raise errors.Unavailable(f"the mesh in {directory} has ended without cleaning up; {REMEDY}", reason="NO_MESH")
    return Found(orchestrators=read.orchestrator_addresses, schedulers=read.scheduler_addresses)


@contextlib.asynccontextmanager
async def connected(where: Where) -> AsyncIterator[Client]:
    """A client for the orchestrators of the mesh."""
    found = find(where, os.environ)
    if not found.orchestrators:
        raise errors.InvalidInput("TUTTI_SCHEDULERS is set and TUTTI_ORCHESTRATORS is not; set both, or use --address")
    async with _client(found.orchestrators, (), where, "orchestrator") as client:
        yield client


@contextlib.asynccontextmanager
async def connected_to_fleet(where: Where) -> AsyncIterator[Client]:
    """A client that can also ask the scheduler."""
    found = find(where, os.environ)
    if not found.schedulers:
        raise errors.InvalidInput("TUTTI_ORCHESTRATORS is set and TUTTI_SCHEDULERS is not; set both, or use --address")
    async with _client(found.orchestrators or found.schedulers, found.schedulers, where, "scheduler") as client:
        yield client


@contextlib.asynccontextmanager
async def _client(
    orchestrators: tuple[str, ...], schedulers: tuple[str, ...], where: Where, asked: str
) -> AsyncIterator[Client]:
    timeout = timedelta(seconds=where.timeout_seconds)
    try:
        async with Client(orchestrators, schedulers=schedulers, timeout=timeout) as client:
            yield client
    except (errors.Unavailable, errors.DeadlineExceeded) as error:
        # With a reason of its own the mesh did answer, and says itself what is wrong.
        if error.reason != error.default_reason:
            raise
        there = ", ".join(schedulers if asked == "scheduler" else orchestrators)
        raise errors.Unavailable(
            f"no {asked} answered at {there} within {where.timeout_seconds:g} s; is the mesh up? "
            f"{REMEDY[0].upper()}{REMEDY[1:]} ({error.message})",
            reason="MESH_UNREACHABLE",
        ) from error
