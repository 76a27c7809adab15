"""Music as values and sound: requests become plans, plans become audio. Knows nothing of servers and queues.

    from music import make

    make("slow jazz, upright bass and brushes, 40 seconds").save("jazz.flac")

Importing this is cheap: what needs numpy and scipy is loaded when it is first asked for.
"""

import os
from importlib import import_module
from typing import TYPE_CHECKING, Any

from music.engine import ENGINE
from music.errors import RequestError

if TYPE_CHECKING:
    from music.composing import compose
    from music.plan import Plan, plan_from_dict
    from music.recording import Recording, make, record
    from music.rendering import render

# With more threads the library under numpy adds up in another order, and the same seed would make other bytes. Read
# when numpy is first imported.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

__all__ = ["ENGINE", "Plan", "Recording", "RequestError", "compose", "make", "plan_from_dict", "record", "render"]

_HOMES = {
    "Plan": "music.plan",
    "Recording": "music.recording",
    "compose": "music.composing",
    "make": "music.recording",
    "plan_from_dict": "music.plan",
    "record": "music.recording",
    "render": "music.rendering",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = globals()[name] = getattr(import_module(_HOMES[name]), name)
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
