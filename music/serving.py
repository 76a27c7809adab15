"""What a model needs behind Triton: requests read, answers and refusals sent, a log line each, an end with the parent.

The only module here that knows where it runs. It is handed Triton's backend module, which exists nowhere else, and it
lives here because a file beside the models makes a `__pycache__` there, which Triton takes for a broken model.
"""

import json
import os
import select
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from music import fields
from music.errors import RequestError


class Stopped(Exception):
    """The caller has gone, or the server is stopping; raised through the work to unwind it."""


@dataclass(frozen=True, slots=True)
class Arrival:
    """What is taken from a request while Triton lends it to us."""

    raw: bytes
    parameters: Mapping[str, Any]
    sender: Any
    #: Tensors that need not be there, by name.
    arrays: Mapping[str, npt.NDArray[Any]]

    def json(self) -> Mapping[str, Any]:
        try:
            value = json.loads(self.raw)
        except ValueError as error:
            raise RequestError("REQUEST", f"must be one JSON object: {error}.") from error
        return fields.mapping(value, "REQUEST")


class Serving:
    """One model's side of Triton's Python backend; `backend` is the module triton_python_backend_utils."""

    def __init__(self, backend: Any, model: str, *, optional: Sequence[str] = ()) -> None:
        """`optional` names tensors that may come beside the request."""
        self._backend = backend
        self._model = model
        self._optional = optional
        # The family must live as long as its gauge.
        self._family = backend.MetricFamily(
            name=f"tutti_{model}_active_requests",
            description=f"Requests that {model} has in hand.",
            kind=backend.MetricFamily.GAUGE,
        )
        self._active = self._family.Metric(labels={})
        # A gauge keeps its message to the server in itself: when two threads move it at once, the server reads one that
        # is gone and crashes.
        self._moving = threading.Lock()

    def take(self, request: Any) -> Arrival:
        self._count(1)
        raw = self._backend.get_input_tensor_by_name(request, "REQUEST").as_numpy()[0]
        found = {name: self._backend.get_input_tensor_by_name(request, name) for name in self._optional}
        arrays = {name: tensor.as_numpy().copy() for name, tensor in found.items() if tensor is not None}
        return Arrival(raw, json.loads(request.parameters() or "{}"), request.get_response_sender(), arrays)

    def answer(self, arrival: Arrival, work: Callable[[Arrival], None]) -> None:
        """Do the work of one request; whatever happens, send its final flag and log its line."""
        started = time.monotonic()
        outcome = "done"
        try:
            work(arrival)
        except Stopped:
            outcome = "cancelled"
        except RequestError as error:
            outcome = f"refused: {error}"
            self._fail(arrival, f"INVALID_INPUT {error.field}: {error.message}", self._backend.TritonError.INVALID_ARG)
        except Exception as error:  # noqa: BLE001  the boundary of a request: one must not take the model down
            outcome = f"internal: {error!r}"
            self._fail(arrival, f"INTERNAL {error!r}", self._backend.TritonError.INTERNAL)
        finally:
            # Owed after a cancel too: without it Triton keeps the request for ever.
            arrival.sender.send(flags=self._backend.TRITONSERVER_RESPONSE_COMPLETE_FINAL)
            self._count(-1)
            self._log(arrival, outcome, time.monotonic() - started)

    def respond(self, arrival: Arrival, *tensors: Any) -> None:
        arrival.sender.send(self._backend.InferenceResponse(list(tensors)))

    def json_tensor(self, name: str, value: Mapping[str, Any]) -> Any:
        return self.bytes_tensor(name, json.dumps(value).encode())

    def bytes_tensor(self, name: str, value: bytes) -> Any:
        return self._backend.Tensor(name, np.array([value], dtype=np.object_))

    def audio_tensor(self, name: str, audio: npt.NDArray[np.float32]) -> Any:
        return self._backend.Tensor(name, np.ascontiguousarray(audio))

    def _count(self, by: float) -> None:
        with self._moving:
            self._active.increment(by)

    def _fail(self, arrival: Arrival, message: str, code: int) -> None:
        arrival.sender.send(self._backend.InferenceResponse(error=self._backend.TritonError(message, code)))

    def _log(self, arrival: Arrival, outcome: str, seconds: float) -> None:
        """As JSON, so that no text of a caller's can start a line of its own."""
        known = {name: arrival.parameters.get(name, "") for name in ("x_request_id", "traceparent")}
        line = json.dumps({**known, "outcome": outcome, "seconds": round(seconds, 4)})
        self._backend.Logger.log_info(f"{self._model} {line}")


def exit_with_parent() -> None:
    """End this process when Triton's does.

    The backend's own check is not enough: a thread that asks a dead server whether its request is cancelled waits for
    ever, and the process with it. The kernel's death signal would not do either: it follows the thread that started us.
    """
    parent = os.pidfd_open(os.getppid())

    def watch() -> None:
        select.select([parent], [], [])
        os._exit(1)

    threading.Thread(target=watch, name="exit-with-parent", daemon=True).start()
