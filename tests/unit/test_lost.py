"""Workers that were given up are kept for a while, and not for ever."""

from services.scheduler.lost import KEEP_COUNT, KEEP_MS, LostWorker, LostWorkers
from tests.builders import worker_info


def lost(worker_id: str, lost_ms: int = 0) -> LostWorker:
    return LostWorker(
        info=worker_info(worker_id),
        ready_models=frozenset(),
        register_ms=0,
        heartbeat_ms=0,
        lost_ms=lost_ms,
        message="it missed its heartbeats",
    )


def ids(workers: LostWorkers) -> list[str]:
    return [worker.info.worker_id for worker in workers]


def test_a_loss_is_forgotten_after_an_hour() -> None:
    workers = LostWorkers()
    workers.add(lost("a", 0))
    workers.add(lost("b", 1))

    workers.expire(KEEP_MS)

    assert ids(workers) == ["b"]


def test_a_worker_that_is_lost_again_is_lost_anew() -> None:
    workers = LostWorkers()
    for worker in (lost("a", 0), lost("b", 1), lost("a", 2)):
        workers.add(worker)

    workers.expire(KEEP_MS + 1)

    assert ids(workers) == ["a"]


def test_of_many_losses_the_latest_are_kept() -> None:
    workers = LostWorkers()
    for n in range(KEEP_COUNT + 5):
        workers.add(lost(f"w{n}"))

    assert ids(workers) == [f"w{n}" for n in range(5, KEEP_COUNT + 5)]


def test_the_list_can_be_cleared() -> None:
    workers = LostWorkers()
    for worker_id in ("b", "a", "c"):
        workers.add(lost(worker_id))
    workers.forget("c")
    workers.forget("nobody")

    assert workers.clear() == ["a", "b"]
    assert ids(workers) == []
