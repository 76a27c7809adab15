"""Several tracks at once on a small machine: all of them finish, and none waits for the others to be done."""

import asyncio
import time
from collections.abc import AsyncIterator
from itertools import pairwise

import pytest

from tutti.client import Client, music
from tutti.v1 import job_pb2

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.slow, pytest.mark.alone]

TRACKS = 5
SECONDS = 30
FINISH_SECONDS = 170
#: The longest that a track may see nothing happen, as a share of the time that all of them take together.
LONGEST_SILENCE = 0.5


async def moments(client: Client, job_id: str, owner: str) -> AsyncIterator[float]:
    async for event in client.watch(job_id, owner=owner):
        if event.WhichOneof("what") in ("progress", "artifact", "checkpoint"):
            yield time.monotonic()


async def lived(client: Client, job_id: str, owner: str) -> list[float]:
    return [moment async for moment in moments(client, job_id, owner)]


async def test_five_tracks_at_once_all_finish_and_none_starves(client: Client) -> None:
    begun = time.monotonic()
    owners = [f"musician-{number}" for number in range(TRACKS)]
    ids = []
    for number, owner in enumerate(owners):
        song = music("a chill lo-fi beat, piano", duration=SECONDS, model="track", options={"seed": number})
        ids.append(await client.submit(song, owner=owner))
    lives = await asyncio.wait_for(
        asyncio.gather(*(lived(client, *each) for each in zip(ids, owners, strict=True))), FINISH_SECONDS
    )
    jobs = [await client.get(*each[:1], owner=each[1]) for each in zip(ids, owners, strict=True)]
    assert {job.state for job in jobs} == {job_pb2.JOB_STATE_SUCCEEDED}
    assert all("master.wav" in {artifact.name for artifact in job.artifacts} for job in jobs)

    ended = time.monotonic()
    for life in lives:
        silences = [later - earlier for earlier, later in pairwise([begun, *life])]
        assert max(silences) < LONGEST_SILENCE * (ended - begun), [round(each, 1) for each in silences if each > 1]
    # None had to wait until another was done before it could begin.
    assert max(life[0] for life in lives) < min(life[-1] for life in lives)
