"""muscgen: a plan in, audio out, piece by piece. The protocol is in models/README.md; `music` makes the sound."""

import sys
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import triton_python_backend_utils as pb_utils

# Where `music` is not installed, it lies beside the model repository.
sys.path.append(str(Path(__file__).resolve().parents[3]))

from music import fields
from music.errors import RequestError
from music.plan import Plan, plan_from_dict
from music.render import SAMPLE_RATE, SAMPLE_RATES, Piece, render
from music.request import read_seed
from music.serving import Arrival, Serving, Stopped, exit_with_parent

#: Renders at once, each on a thread; later ones wait in order. One holds up to 60 MB.
MOST_AT_ONCE = 16
CANCEL_CHECK_SECONDS = 0.2
STOP_SECONDS = 2.0
LONGEST_TEST_DELAY_SECONDS = 10.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Order:
    plan: Plan
    seed: int | None
    sample_rate: int
    test_delay_seconds: float


class TritonPythonModel:
    def initialize(self, args: Mapping[str, str]) -> None:
        self._serving = Serving(pb_utils, "muscgen")
        self._stopping = threading.Event()
        self._places = threading.Semaphore(MOST_AT_ONCE)
        self._threads: set[threading.Thread] = set()
        exit_with_parent()

    def execute(self, requests: list[Any]) -> None:
        for request in requests:
            arrival = self._serving.take(request)
            thread = threading.Thread(target=self._run, args=(arrival,), name="render", daemon=True)
            self._threads.add(thread)
            thread.start()

    def finalize(self) -> None:
        self._stopping.set()  # each render ends at its next check, and still sends its final flag
        end = time.monotonic() + STOP_SECONDS
        for thread in list(self._threads):
            thread.join(max(0.0, end - time.monotonic()))

    def _run(self, arrival: Arrival) -> None:
        with self._places:
            self._serving.answer(arrival, self._stream)
        self._threads.discard(threading.current_thread())

    def _stream(self, arrival: Arrival) -> None:
        self._check(arrival)
        order = _order(arrival.json())
        for piece in render(order.plan, seed=order.seed, rate=order.sample_rate):
            # A piece is 20 to 400 ms of work, so a check between pieces is often enough.
            self._check(arrival)
            header = self._serving.json_tensor("HEADER", _header(piece))
            self._serving.respond(arrival, header, self._serving.audio_tensor("AUDIO", piece.audio))
            self._wait(order.test_delay_seconds, arrival)

    def _wait(self, seconds: float, arrival: Arrival) -> None:
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            self._stopping.wait(min(left, CANCEL_CHECK_SECONDS))
            self._check(arrival)

    def _check(self, arrival: Arrival) -> None:
        if self._stopping.is_set() or arrival.sender.is_cancelled():
            raise Stopped


def _order(request: Mapping[str, Any]) -> Order:
    fields.only(request, ["plan", "seed", "sample_rate", "test_delay_seconds"])
    seed, rate = request.get("seed"), request.get("sample_rate", SAMPLE_RATE)
    if rate not in SAMPLE_RATES:
        raise RequestError("sample_rate", f"must be one of {', '.join(map(str, SAMPLE_RATES))}, got {rate!r:.20}.")
    return Order(
        plan=_plan(fields.mapping(fields.required(request, "plan"), "plan")),
        seed=None if seed is None else read_seed(seed),
        sample_rate=int(rate),
        test_delay_seconds=fields.number(
            request.get("test_delay_seconds", 0.0), "test_delay_seconds", low=0, high=LONGEST_TEST_DELAY_SECONDS
        ),
    )


def _plan(source: Mapping[str, Any]) -> Plan:
    try:
        return plan_from_dict(source)
    except RequestError as error:
        raise RequestError(f"plan.{error.field}", error.message) from error


def _header(piece: Piece) -> dict[str, Any]:
    return {
        "sequence": piece.index,
        "stage": "render",
        "fraction": piece.fraction,
        "sample_offset": piece.offset,
        "sample_rate": piece.rate,
        "stem": "mix",
        "section": piece.section,
    }
