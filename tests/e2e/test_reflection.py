"""Every service, driven with reflection alone: no stubs, no proto files, the way people with grpcurl do it."""

from typing import Any

import grpc
import pytest
from google.protobuf import json_format
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message_factory import GetMessageClass
from google.rpc import error_details_pb2, status_pb2
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import ProtoReflectionDescriptorDatabase

from tutti.embedded import Mesh


class Reflected:
    """Calls methods by name with JSON, knowing nothing but the server's address."""

    def __init__(self, address: str) -> None:
        self._channel = grpc.insecure_channel(address)
        self._database = ProtoReflectionDescriptorDatabase(self._channel)
        self._pool = DescriptorPool(self._database)

    def __enter__(self) -> "Reflected":
        return self

    def __exit__(self, *_: object) -> None:
        self._channel.close()

    def services(self) -> set[str]:
        return set(self._database.get_services())

    def methods(self, service: str) -> list[Any]:
        return list(self._pool.FindServiceByName(service).methods)

    def call(self, name: str, request: dict[str, Any], metadata: tuple[tuple[str, str], ...] = ()) -> Any:
        """One answer, or a list of them where the method streams."""
        service, _, method_name = name.rpartition("/")
        method = self._pool.FindServiceByName(service).FindMethodByName(method_name)
        message = json_format.ParseDict(request, GetMessageClass(method.input_type)(), descriptor_pool=self._pool)
        options = {
            "request_serializer": lambda sent: sent.SerializeToString(),
            "response_deserializer": GetMessageClass(method.output_type).FromString,
        }
        if method.server_streaming:
            stream = self._channel.unary_stream(f"/{name}", **options)(message, timeout=30, metadata=metadata)
            return [self._plain(answer) for answer in stream]
        return self._plain(self._channel.unary_unary(f"/{name}", **options)(message, timeout=30, metadata=metadata))

    def _plain(self, message: Any) -> dict[str, Any]:
        return json_format.MessageToDict(message, descriptor_pool=self._pool)


ORCHESTRATOR = "tutti.v1.OrchestratorService"
SCHEDULER = "tutti.v1.SchedulerService"
WORKER = "tutti.v1.WorkerService"
HEALTH = "grpc.health.v1.Health"

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def test_each_process_lists_its_service_health_and_reflection(mesh: Mesh) -> None:
    parts = mesh.endpoints
    for address, service in (
        (parts.orchestrators[0].address, ORCHESTRATOR),
        (parts.schedulers[0].address, SCHEDULER),
        (parts.workers[0].address, WORKER),
    ):
        with Reflected(address) as server:
            assert {service, HEALTH, "grpc.reflection.v1alpha.ServerReflection"} <= server.services()


async def test_a_job_is_created_watched_and_read_back(mesh: Mesh) -> None:
    with Reflected(mesh.endpoints.orchestrators[0].address) as server:
        spec = {"task": {"kind": "test.echo", "input": {"colour": "blue"}}}
        created = server.call(f"{ORCHESTRATOR}/CreateJob", {"spec": spec})["job"]
        answers = server.call(f"{ORCHESTRATOR}/WatchJob", {"jobId": created["jobId"]})
        events = [event for answer in answers for event in answer["events"]]
        read = server.call(f"{ORCHESTRATOR}/GetJob", {"jobId": created["jobId"]})["job"]

    assert [event["sequence"] for event in events] == [str(n) for n in range(1, len(events) + 1)]
    assert events[-1]["jobMoved"]["state"] == "JOB_STATE_SUCCEEDED"
    assert read["tasks"][0]["result"] == {"colour": "blue"}
    assert read["lastEventId"] == events[-1]["eventId"]


async def test_the_fleet_and_its_queues_are_shown_by_the_leader(mesh: Mesh) -> None:
    leader = next(each.address for each in mesh.endpoints.schedulers if _is_serving(each.address, SCHEDULER))
    with Reflected(leader) as server:
        workers = server.call(f"{SCHEDULER}/ListWorkers", {})["workers"]
        one = server.call(f"{SCHEDULER}/GetWorker", {"workerId": workers[0]["info"]["workerId"]})["worker"]
        server.call(f"{SCHEDULER}/GetQueues", {})
    assert {worker["info"]["workerId"] for worker in workers} == {"worker-1", "worker-2"}
    assert one["state"] == "WORKER_STATE_READY"


async def test_a_standby_says_that_it_is_one(mesh: Mesh) -> None:
    standbys = [
        scheduler.address for scheduler in mesh.endpoints.schedulers if not _is_serving(scheduler.address, SCHEDULER)
    ]
    assert len(standbys) == 1
    with Reflected(standbys[0]) as server, pytest.raises(grpc.RpcError) as refused:
        server.call(f"{SCHEDULER}/ListWorkers", {})
    assert refused.value.code() is grpc.StatusCode.UNAVAILABLE
    assert _info(refused.value).reason == "NOT_LEADER"


async def test_a_worker_says_what_it_is(mesh: Mesh) -> None:
    with Reflected(mesh.endpoints.workers[0].address) as server:
        status = server.call(f"{WORKER}/GetStatus", {})
    assert status["info"]["workerId"] == "worker-1"
    assert {"jen1.compose", "muscgen.render", "test.echo"} <= {kind["kind"] for kind in status["info"]["kinds"]}
    assert "freeSlots" in status


async def test_errors_carry_a_reason_and_the_field(mesh: Mesh) -> None:
    with Reflected(mesh.endpoints.orchestrators[0].address) as server, pytest.raises(grpc.RpcError) as refused:
        server.call(f"{ORCHESTRATOR}/CreateJob", {"spec": {"music": {"narrative": "x", "model": "bach"}}})
    assert refused.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    info = _info(refused.value)
    assert (info.reason, info.domain) == ("UNKNOWN_MODEL", "tutti")
    bad = error_details_pb2.BadRequest()
    assert any(detail.Unpack(bad) for detail in _status(refused.value).details)
    assert bad.field_violations[0].field == "model"


def _is_serving(address: str, service: str) -> bool:
    with Reflected(address) as server:
        return bool(server.call(f"{HEALTH}/Check", {"service": service})["status"] == "SERVING")


def _status(error: Any) -> status_pb2.Status:
    details = next(value for key, value in error.trailing_metadata() if key == "grpc-status-details-bin")
    return status_pb2.Status.FromString(details)


def _info(error: Any) -> error_details_pb2.ErrorInfo:
    info = error_details_pb2.ErrorInfo()
    assert any(detail.Unpack(info) for detail in _status(error).details)
    return info
