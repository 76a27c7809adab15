"""Job ids, cursors and partitions."""

import pytest

from services.orchestrator import ids
from tutti import errors


def test_ids_sort_by_creation() -> None:
    made = [ids.new_job_id(1_700_000_000_000 + n * 7, n % 16) for n in range(200)]

    assert made == sorted(made)
    assert all(ids.is_job_id(job_id) for job_id in made)


def test_ids_of_the_same_moment_differ() -> None:
    assert len({ids.new_job_id(1, 0) for _ in range(1_000)}) == 1_000


@pytest.mark.parametrize("partition", [0, 1, 15, 255])
def test_an_id_says_its_partition(partition: int) -> None:
    assert ids.partition_of(ids.new_job_id(1, partition), 256) == partition


@pytest.mark.parametrize(
    "text",
    [
        "",
        "job",
        "0123456789abcdefghjkmnpqrs-16",
        "0123456789abcdefghjkmnpqrs-",
        "0123456789ABCDEFGHJKMNPQRS-0",
        "0123456789abcdefghjkmnpqri-0",
        "0123456789abcdefghjkmnpqrs-0\n",
        "0123456789abcdefghjkmnpqrs-٣",
        "x" * 10_000,
    ],
)
def test_what_cannot_be_an_id_names_no_job(text: str) -> None:
    with pytest.raises(errors.NotFound) as caught:
        ids.partition_of(text, 16)

    assert caught.value.field == "job_id"
    assert len(caught.value.message) < 200


@pytest.mark.parametrize("cursor", ["", "0-0", "1700000000000-0", "1700000000000-12"])
def test_cursors_are_taken_as_they_are(cursor: str) -> None:
    assert ids.checked_cursor(cursor) == cursor


@pytest.mark.parametrize("text", ["1", "-", "1-", "-1", "a-b", "1-2-3", " 1-2", "1-2\n", "9" * 20 + "-0", "(1-2", "+"])
def test_a_malformed_cursor_names_its_field(text: str) -> None:
    with pytest.raises(errors.InvalidInput) as caught:
        ids.checked_cursor(text)

    assert caught.value.field == "after"


def test_a_retry_meets_the_partition_of_its_first_try() -> None:
    found = {ids.partition_for("ada", "once", 16) for _ in range(20)}

    assert len(found) == 1


def test_requests_spread_over_partitions() -> None:
    with_key = {ids.partition_for("ada", str(n), 16) for n in range(500)}
    without = {ids.partition_for("ada", "", 16) for _ in range(500)}

    assert with_key == without == set(range(16))


def test_with_one_partition_there_is_no_choice() -> None:
    assert ids.partition_for("ada", "", 1) == ids.partition_for("ada", "x", 1) == 0
