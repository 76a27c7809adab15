"""The handlers that every worker brings along: composing with jen1 and rendering with muscgen.

The entry point `tutti.handlers` calls `builtin()` once, at the start of a worker. A model whose address is not
configured is not offered.
"""

import os

from services.worker.handlers import compose, render
from services.worker.triton import Triton
from tutti.handlers import Handler


def builtin() -> list[Handler]:
    handlers: list[Handler] = []
    if address := os.environ.get("JEN1_URL"):
        handlers.append(compose.handler(Triton(address)))
    if address := os.environ.get("MUSCGEN_URL"):
        handlers.append(render.handler(Triton(address)))
    if os.environ.get("TUTTI_TEST_HANDLERS") == "1":
        # Imported only then: a production worker must not even load handlers that crash on request.
        from services.worker.handlers import testing

        handlers += testing.handlers()
    return handlers
