"""jen1: a request in, a plan out. The protocol is in models/README.md; the music is made by the package `music`."""

import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import triton_python_backend_utils as pb_utils

# Where `music` is not installed, it lies beside the model repository.
sys.path.append(str(Path(__file__).resolve().parents[3]))

from music import fields
from music.composing import compose
from music.errors import RequestError
from music.lyrics import lrc
from music.neural.choice import MUSICGEN, follows_tunes
from music.neural.sampling import heeded
from music.output.midi import midi
from music.plan import Plan, plan_from_dict
from music.serving import Arrival, Serving, Stopped, exit_with_parent


class TritonPythonModel:
    def initialize(self, args: Mapping[str, str]) -> None:
        self._serving = Serving(pb_utils, "jen1")
        self._sampled = os.environ.get("MUSCGEN_ENGINE") == MUSICGEN
        self._follows_tunes = follows_tunes(os.environ)
        exit_with_parent()

    def execute(self, requests: list[Any]) -> None:
        # A plan takes milliseconds: one after the other is fairer than threads that share a core.
        for request in requests:
            self._serving.answer(self._serving.take(request), self._compose)

    def _compose(self, arrival: Arrival) -> None:
        sequence = 0

        def report(stage: str, fraction: float) -> None:
            nonlocal sequence
            if arrival.sender.is_cancelled():
                raise Stopped
            self._serving.respond(arrival, self._header(sequence, stage, fraction))
            sequence += 1

        request = arrival.json()
        plan = _given(request) if "plan" in request else compose(request, report)
        if self._sampled:
            plan = heeded(plan, follows_tunes=self._follows_tunes)
        results = [self._serving.json_tensor("PLAN", plan.to_dict()), self._serving.bytes_tensor("MIDI", midi(plan))]
        if plan.lyrics:
            words = lrc(plan.lyrics, plan.bpm, _title(plan))
            results.append(self._serving.bytes_tensor("LRC", words.encode()))
        self._serving.respond(arrival, self._header(sequence, "plan", 1.0), *results)

    def _header(self, sequence: int, stage: str, fraction: float) -> Any:
        return self._serving.json_tensor("HEADER", {"sequence": sequence, "stage": stage, "fraction": fraction})


def _given(request: Mapping[str, Any]) -> Plan:
    """A plan of before, edited or not, as it was given: what else the request says is said by the plan already."""
    source = fields.mapping(request["plan"], "plan")
    try:
        return plan_from_dict(source)
    except RequestError as error:
        raise RequestError(f"plan.{error.field}", error.message) from error


def _title(plan: Plan) -> str:
    return str(plan.resolved.get("prompt", {}).get("value", ""))[:200]
