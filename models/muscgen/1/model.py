"""muscgen: a plan in, its stems out, piece by piece. The protocol is in models/README.md; `music` makes the sound, with
the engine that the environment names."""

import os
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import numpy as np
import triton_python_backend_utils as pb_utils

# Where `music` is not installed, it lies beside the model repository.
sys.path.append(str(Path(__file__).resolve().parents[3]))

from music import engines, fields
from music.engines import Order, Part
from music.errors import RequestError
from music.limits import read_seed
from music.neural.choice import EngineError
from music.places import Places
from music.plan import STEMS, Plan, plan_from_dict
from music.rendering import SAMPLE_RATE, SAMPLE_RATES
from music.serving import Arrival, Serving, Stopped, exit_with_parent
from music.synth.signals import Audio

#: Each is a round trip to the server, and a step of a sampled model takes a few milliseconds.
CANCEL_CHECK_SECONDS = 0.2
STOP_SECONDS = 2.0
LONGEST_TEST_DELAY_SECONDS = 10.0
#: A tensor beside the request: what a sampled engine hears before it plays.
EXCERPT = "EXCERPT"
LONGEST_EXCERPT_SECONDS = 60
#: More bars than a plan may have; `render` knows how many sections this one has.
MOST_SECTIONS = 4000


class TritonPythonModel:
    def initialize(self, args: Mapping[str, str]) -> None:
        exit_with_parent()  # first, because loading weights may take minutes
        try:
            self._engine = engines.load(os.environ)
        except EngineError as error:
            # What Triton makes of it comes between lines of a traceback.
            pb_utils.Logger.log_error(f"muscgen cannot start: {error}")
            raise
        pb_utils.Logger.log_info(f"muscgen renders with {self._engine.name}")
        self._serving = Serving(pb_utils, "muscgen", optional=(EXCERPT,))
        self._stopping = threading.Event()
        self._places = Places(self._engine.at_once)
        # Reading a long plan, and working out how it is played, takes up to half a second that no check divides. One
        # at a time, so that eight stems that are cancelled do not first share the core over it.
        self._preparing = Places(1)
        self._threads: set[threading.Thread] = set()

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
        self._serving.answer(arrival, self._stream)
        self._threads.discard(threading.current_thread())

    def _stream(self, arrival: Arrival) -> None:
        with self._place(self._preparing, arrival):
            self._check(arrival)
            request = arrival.json()
            order, delay = _order(request, arrival.arrays.get(EXCERPT)), _delay(request)
        if not self._engine.plays(order):
            self._respond(arrival, {"sequence": 0, "stage": "render", "fraction": 1.0})
            return
        with self._place(self._places, arrival):
            self._render(arrival, order, delay)

    def _place(self, places: Places, arrival: Arrival) -> AbstractContextManager[None]:
        return places.taken(lambda: self._check(arrival), every_seconds=CANCEL_CHECK_SECONDS)

    def _render(self, arrival: Arrival, order: Order, delay: float) -> None:
        sequence, next_step = 0, 0.0

        def step(fraction: float) -> None:
            nonlocal next_step
            if time.monotonic() >= next_step:
                self._check(arrival)
                self._respond(arrival, {"sequence": sequence, "stage": "generate", "fraction": fraction})
                next_step = time.monotonic() + CANCEL_CHECK_SECONDS

        for part in self._parts(arrival, self._engine.render(order, step)):
            # A part is 5 to 300 ms of work, besides the steps before it, so a check between parts is often enough.
            self._check(arrival)
            audio = self._serving.audio_tensor("AUDIO", part.audio)
            self._respond(arrival, _header(part, order.sample_rate, whole=self._engine.whole), audio)
            sequence = part.index + 1
            self._wait(delay, arrival)

    def _parts(self, arrival: Arrival, parts: Iterator[Part]) -> Iterator[Part]:
        if not self._engine.whole:
            # How the whole is played is worked out before the first part; one that is sampled is made as it goes.
            with self._place(self._preparing, arrival):
                self._check(arrival)
                first = next(parts, None)
            yield from () if first is None else (first,)
        yield from parts

    def _respond(self, arrival: Arrival, header: Mapping[str, Any], *tensors: Any) -> None:
        described = self._serving.json_tensor("HEADER", {**header, "engine": self._engine.name})
        self._serving.respond(arrival, described, *tensors)

    def _wait(self, seconds: float, arrival: Arrival) -> None:
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            self._stopping.wait(min(left, CANCEL_CHECK_SECONDS))
            self._check(arrival)

    def _check(self, arrival: Arrival) -> None:
        if self._stopping.is_set() or arrival.sender.is_cancelled():
            raise Stopped


def _order(request: Mapping[str, Any], excerpt: Audio | None) -> Order:
    fields.only(request, ["plan", "stems", "seed", "sample_rate", "first_section", "test_delay_seconds"])
    seed, rate = request.get("seed"), request.get("sample_rate", SAMPLE_RATE)
    if rate not in SAMPLE_RATES:
        raise RequestError("sample_rate", f"must be one of {', '.join(map(str, SAMPLE_RATES))}, got {rate!r:.20}.")
    return Order(
        plan=_plan(fields.mapping(fields.required(request, "plan"), "plan")),
        stems=_stems(request.get("stems")),
        seed=None if seed is None else read_seed(seed),
        sample_rate=int(rate),
        first_section=fields.integer(request.get("first_section", 0), "first_section", low=0, high=MOST_SECTIONS),
        excerpt=None if excerpt is None else _excerpt(excerpt, int(rate)),
    )


def _excerpt(audio: Audio, rate: int) -> Audio:
    channels, samples = audio.shape
    if channels not in (1, 2) or not 0 < samples <= LONGEST_EXCERPT_SECONDS * rate:
        raise RequestError(
            EXCERPT, f"must be one or two channels of at most {LONGEST_EXCERPT_SECONDS} s, got {audio.shape}."
        )
    if not np.isfinite(audio).all():
        raise RequestError(EXCERPT, "holds samples that are no numbers; send audio within ±1.")
    return audio


def _delay(request: Mapping[str, Any]) -> float:
    seconds = request.get("test_delay_seconds", 0.0)
    return fields.number(seconds, "test_delay_seconds", low=0, high=LONGEST_TEST_DELAY_SECONDS)


def _stems(listed: Any) -> tuple[str, ...] | None:
    if listed is None:
        return None
    names = fields.items(listed, "stems", most=len(STEMS))
    return tuple(fields.choice(name, f"stems[{i}]", STEMS) for i, name in enumerate(names))


def _plan(source: Mapping[str, Any]) -> Plan:
    try:
        return plan_from_dict(source)
    except RequestError as error:
        raise RequestError(f"plan.{error.field}", error.message) from error


def _header(part: Part, rate: int, *, whole: bool) -> dict[str, Any]:
    return {
        "sequence": part.index,
        "stage": "render",
        "fraction": part.fraction,
        "sample_offset": part.offset,
        "sample_rate": rate,
        "stem": part.stem,
        "section": part.section,
        "section_name": part.section_name,
        "last_of_section": part.last_of_section,
        # What this is, is no stem of a mix but all of it.
        **({"whole": True} if whole else {}),
    }
