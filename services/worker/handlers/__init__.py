"""The handlers that every worker brings along: the steps of a track, from its words to its manifest.

The entry point `tutti.handlers` calls `builtin()` once, at the start of a worker. A model whose address is not
configured is not offered; what a worker does by itself is.
"""

import os
import threading

from services.worker.handlers import compose, finalize, mix, parse, render, style
from services.worker.handlers.ollama import Ollama
from services.worker.triton import Triton
from tutti.handlers import Handler


def builtin() -> list[Handler]:
    handlers = [parse.handler(_ollama()), style.handler(), mix.handler(), finalize.handler()]
    if address := os.environ.get("JEN1_URL"):
        handlers.append(compose.handler(Triton(address)))
    if address := os.environ.get("MUSCGEN_URL"):
        handlers.append(render.handler(Triton(address)))
        # While the models load, too: else the first track of a worker would wait for it.
        threading.Thread(target=_load_sound, name="load-sound", daemon=True).start()
    if os.environ.get("TUTTI_TEST_HANDLERS") == "1":
        # Imported only then: a production worker must not even load handlers that crash on request.
        from services.worker.handlers import testing

        handlers += testing.handlers()
    return handlers


def _ollama() -> Ollama | None:
    url = os.environ.get("OLLAMA_URL")
    return Ollama(url, os.environ.get("OLLAMA_MODEL") or "llama3.2") if url else None


def _load_sound() -> None:
    from services.worker.handlers.sound import finishing, listening, mixing, sections  # noqa: F401
