"""Pages of jobs: how many fit into a message."""

import pytest

from services.orchestrator.listing import LARGEST_PAGE_BYTES, fitting
from tutti import rpc
from tutti.v1 import artifact_pb2, job_pb2


def entry(size: int) -> job_pb2.Job:
    job = job_pb2.Job(request_id="x" * (size - 3))
    assert size - 3 <= job.ByteSize() <= size + 3
    return job


@pytest.mark.parametrize(
    ("sizes", "expected"),
    [([], 0), ([400], 1), ([5000], 1), ([400, 400], 2), ([400, 400, 400], 2), ([900, 400], 1), ([5000, 5000], 1)],
)
def test_a_page_is_as_long_as_a_message_may_be_and_never_empty(sizes: list[int], expected: int) -> None:
    assert fitting([entry(size) for size in sizes], most_bytes=1000) == expected


def test_a_page_of_the_largest_jobs_is_one_message() -> None:
    """Of ten minutes of music in as many cuts as there may be, each file listed three times."""
    file = artifact_pb2.Artifact(name="n" * 20, sha256="0" * 64, key="k" * 80, url="u" * 400)
    task = job_pb2.Task(artifacts=[file] * 64)
    task.checkpoint.artifacts.extend([file] * 64)
    job = job_pb2.Job(tasks=[task] * 8, artifacts=[file] * 512)
    # So many that all of them would not fit.
    jobs = [job] * 200
    assert sum(each.ByteSize() for each in jobs) > rpc.MAX_MESSAGE_BYTES
    count = fitting(jobs)
    assert 1 < count < 200
    assert sum(each.ByteSize() for each in jobs[:count]) <= LARGEST_PAGE_BYTES
