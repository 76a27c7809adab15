"""How many unfinished jobs an owner may have, counted over partitions."""

import pytest

from services.orchestrator.quota import Quota


class Counts:
    def __init__(self, *counts: int) -> None:
        self.counts = counts
        self.asked = 0

    async def __call__(self, owner: str) -> tuple[int, ...]:
        self.asked += 1
        return self.counts


async def test_without_a_limit_nothing_is_counted() -> None:
    counts = Counts(5, 5)

    assert await Quota(0, counts).limits(0, 2, ["ada"]) == {}

    assert counts.asked == 0


async def test_with_one_partition_its_script_counts_exactly_and_nothing_is_asked() -> None:
    counts = Counts(5)

    assert await Quota(10, counts).limits(0, 1, ["ada", "bob"]) == {"ada": 10, "bob": 10}

    assert counts.asked == 0


async def test_with_several_partitions_what_is_elsewhere_is_taken_off() -> None:
    quota = Quota(10, Counts(1, 2, 4))

    assert [await quota.limits(partition, 3, ["ada"]) for partition in range(3)] == [{"ada": 4}, {"ada": 5}, {"ada": 7}]


async def test_an_owner_is_counted_once_for_a_batch_and_for_a_while() -> None:
    counts = Counts(1, 2)
    quota = Quota(10, counts)

    for partition in (0, 1, 0):
        await quota.limits(partition, 2, ["ada", "ada"])

    assert counts.asked == 1


async def test_owners_that_were_counted_are_not_remembered_without_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("services.orchestrator.quota.MOST_OWNERS", 2)
    counts = Counts(1, 2)
    quota = Quota(10, counts)

    for owner in ("ada", "bob", "eve", "ada"):
        await quota.limits(0, 2, [owner])

    assert counts.asked == 4


def test_a_refusal_says_the_limit_and_what_is_used_everywhere() -> None:
    error = Quota(10, Counts()).refusal(left=4, here=4)

    assert (error.reason, error.details) == ("OWNER_QUOTA", {"limit": "10", "used": "10"})
