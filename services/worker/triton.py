"""The worker's door to Triton: one gRPC stream per task, responses as values, every foreign error as one of ours.

It knows the protocol of the models (models/README.md): a JSON request in, headers, plans and audio out. It retries
nothing: whoever owns the attempt decides about that.
"""

import asyncio
import json
import re
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from dataclasses import dataclass
from itertools import starmap
from typing import Any

import grpc
import numpy as np
import numpy.typing as npt
from tritonclient.grpc import InferInput
from tritonclient.grpc.aio import InferenceServerClient, InferResult
from tritonclient.utils import InferenceServerException

from tutti.errors import DeadlineExceeded, Internal, InvalidInput, TuttiError, Unavailable
from tutti.rpc import QUICK_RECONNECT

READY_TIMEOUT_SECONDS = 2.0
#: How the models write what is wrong with a request; Triton's streams carry no status code, only the message.
REFUSAL = re.compile(r"INVALID_INPUT (?P<field>[^:\n]{1,200}): (?P<message>.+)", re.DOTALL)
#: What Triton itself says about models that are not there (yet, or any more).
ABSENT = re.compile(r"unknown model|not ready|not found|unavailable|unloading|not healthy|shutting down", re.I)
#: While Triton is away the channel tries again this often; gRPC alone would wait up to two minutes. No keepalive pings:
#: Triton's default is to hang up on clients that send them.
CHANNEL_OPTIONS = [
    *QUICK_RECONNECT,
    ("grpc.max_send_message_length", -1),
    ("grpc.max_receive_message_length", -1),
]
_NONE: Mapping[str, npt.NDArray[np.float32]] = {}


@dataclass(frozen=True, kw_only=True, slots=True)
class ModelResponse:
    header: dict[str, Any]
    #: With jen1's last response only; words only where there are any.
    plan: dict[str, Any] | None = None
    midi: bytes | None = None
    lrc: bytes | None = None
    #: (channels, samples), read-only; with muscgen's responses only.
    audio: npt.NDArray[np.float32] | None = None


class Triton:
    def __init__(self, address: str) -> None:
        self._address = address.removeprefix("grpc://").rstrip("/")
        self._client: InferenceServerClient | None = None

    @property
    def address(self) -> str:
        return self._address

    async def ready(self, model: str) -> bool:
        try:
            return bool(await self._connected().is_model_ready(model, client_timeout=READY_TIMEOUT_SECONDS))
        except (InferenceServerException, grpc.RpcError):
            return False

    async def stream(
        self,
        model: str,
        request: Mapping[str, Any],
        *,
        request_id: str,
        traceparent: str,
        timeout: float,
        arrays: Mapping[str, npt.NDArray[np.float32]] = _NONE,
    ) -> AsyncGenerator[ModelResponse, None]:
        """Yield what the model sends; `arrays` are tensors that it is given beside the request.

        Closing the iterator, or cancelling its consumer, cancels the request at once. Read it inside
        `contextlib.aclosing`: a generator that is merely dropped is closed at some later time.
        """
        asked = {
            "model_name": model,
            # A request may hold a plan of a megabyte.
            "inputs": [await asyncio.to_thread(_tensor, request), *starmap(_array, arrays.items())],
            "request_id": request_id,
            "parameters": {"x_request_id": request_id, "traceparent": traceparent},
        }
        async with aclosing(_once(asked)) as requests:
            # A stream of its own: Triton cancels every request of a stream together.
            responses = self._connected().stream_infer(requests, stream_timeout=timeout)
            try:
                async for result, error in responses:
                    if error is not None:
                        raise self._translated(error.message(), model)
                    yield _response(result)
            except grpc.RpcError as error:
                raise self._unreachable(error, model, timeout) from error
            except asyncio.CancelledError as error:
                # grpc.aio raises this too when it was the server that cancelled; nobody asked our task to stop.
                if (task := asyncio.current_task()) is not None and task.cancelling():
                    raise
                raise Unavailable(f"Triton at {self._address} ended the request. Is it stopping?") from error
            finally:
                responses.cancel()

    async def close(self) -> None:
        if self._client is not None:
            await self._client.close()

    def _connected(self) -> InferenceServerClient:
        # Made on first use, not in __init__: a channel belongs to the event loop that runs when it is made.
        if self._client is None:
            self._client = InferenceServerClient(self._address, channel_args=CHANNEL_OPTIONS)
        return self._client

    def _translated(self, message: str, model: str) -> TuttiError:
        if refusal := REFUSAL.match(message):
            return InvalidInput(refusal["message"], field=refusal["field"])
        if ABSENT.search(message):
            return Unavailable(f"Model {model} at {self._address} is not available: {message}")
        return Internal(f"Model {model} at {self._address} failed: {message}")

    def _unreachable(self, error: grpc.RpcError, model: str, timeout: float) -> TuttiError:
        code, details = error.code(), error.details()
        if code is grpc.StatusCode.DEADLINE_EXCEEDED:
            return DeadlineExceeded(f"Model {model} at {self._address} took longer than {timeout:g} s.")
        if code is grpc.StatusCode.INVALID_ARGUMENT:
            return InvalidInput(f"Model {model} refused the request: {details}")
        if code is grpc.StatusCode.UNAVAILABLE:
            return Unavailable(f"Triton at {self._address} is not reachable: {details}. Is it running?")
        return Internal(f"Model {model} at {self._address} failed with {code.name}: {details}")


async def _once(asked: dict[str, Any]) -> AsyncGenerator[dict[str, Any], None]:
    yield asked


def _tensor(request: Mapping[str, Any]) -> InferInput:
    tensor = InferInput("REQUEST", [1], "BYTES")
    tensor.set_data_from_numpy(np.array([json.dumps(request).encode()], dtype=np.object_))
    return tensor


def _array(name: str, value: npt.NDArray[np.float32]) -> InferInput:
    tensor = InferInput(name, list(value.shape), "FP32")
    tensor.set_data_from_numpy(value)
    return tensor


def _response(result: InferResult) -> ModelResponse:
    header = result.as_numpy("HEADER")
    plan, midi, lrc = (result.as_numpy(name) for name in ("PLAN", "MIDI", "LRC"))
    return ModelResponse(
        header={} if header is None else json.loads(header[0]),
        plan=None if plan is None else json.loads(plan[0]),
        midi=None if midi is None else bytes(midi[0]),
        lrc=None if lrc is None else bytes(lrc[0]),
        audio=result.as_numpy("AUDIO"),
    )
