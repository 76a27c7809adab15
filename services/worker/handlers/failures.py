"""How what goes wrong at a model fails an attempt: a bad request for good, an absent model only for now."""

from collections.abc import Iterator
from contextlib import contextmanager

from tutti.errors import DeadlineExceeded, InvalidInput, TuttiError, Unavailable
from tutti.handlers import TaskFailure

RETRYABLE = (Unavailable, DeadlineExceeded)


@contextmanager
def as_task_failures() -> Iterator[None]:
    try:
        yield
    except InvalidInput as error:
        where = f"{error.field}: " if error.field else ""
        raise TaskFailure(f"{where}{error.message}", reason=error.reason, retryable=False) from error
    except TuttiError as error:
        raise TaskFailure(error.message, reason=error.reason, retryable=isinstance(error, RETRYABLE)) from error
