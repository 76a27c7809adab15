"""The client's calls about jobs that ended badly."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

import grpc
from google.protobuf import struct_pb2

from tutti import structs
from tutti.v1 import job_pb2, orchestrator_pb2, orchestrator_pb2_grpc

Q = TypeVar("Q")
A = TypeVar("A")


class DeadLetters(ABC):
    _orchestrator: orchestrator_pb2_grpc.OrchestratorServiceStub

    @abstractmethod
    async def _call(self, method: "grpc.aio.UnaryUnaryMultiCallable[Q, A]", request: Q, owner: str = "") -> A: ...

    async def retry(self, job_id: str, *, owner: str = "") -> job_pb2.Job:
        """Run a failed or cancelled job again from what succeeded. One that is not at rest is returned as it is."""
        request = orchestrator_pb2.RetryJobRequest(job_id=job_id)
        return (await self._call(self._orchestrator.RetryJob, request, owner=owner)).job

    async def dead(
        self, *, page_size: int = 50, page_token: str = "", reason: str = "", owner: str = ""
    ) -> orchestrator_pb2.ListDeadJobsResponse:
        """A page of dead letters, newest first; with a reason (FAILED, TIMEOUT, POISON) only those."""
        request = orchestrator_pb2.ListDeadJobsRequest(page_size=page_size, page_token=page_token, reason=reason)
        return await self._call(self._orchestrator.ListDeadJobs, request, owner=owner)

    async def replay(
        self, job_ids: Sequence[str], input: struct_pb2.Struct | Mapping[str, Any] | None = None, *, owner: str = ""
    ) -> Sequence[job_pb2.Job]:
        """Run dead letters again, all or none; with a single job, the input of the task that failed may be replaced."""
        if input is not None and not isinstance(input, struct_pb2.Struct):
            input = structs.from_dict(input)
        request = orchestrator_pb2.ReplayDeadJobsRequest(job_ids=job_ids, input=input)
        return (await self._call(self._orchestrator.ReplayDeadJobs, request, owner=owner)).jobs

    async def discard(self, job_ids: Sequence[str], *, owner: str = "") -> int:
        """Take jobs off the list of dead letters; returns how many were on it."""
        request = orchestrator_pb2.DiscardDeadJobsRequest(job_ids=job_ids)
        return (await self._call(self._orchestrator.DiscardDeadJobs, request, owner=owner)).discarded
