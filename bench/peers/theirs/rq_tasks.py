"""The job of `rq_peer`, for its workers: importing the peer itself would connect it."""


def noop(number: int) -> int:
    return number
