"""What the mesh says of itself to those who operate it: traces at a collector, metrics on every port."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import grpc
import httpx
import pytest
import pytest_asyncio
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2, trace_service_pb2_grpc

from tests.fixtures.meshes import client_of, eventually, http_of, running_mesh
from tutti.embedded import Mesh

pytestmark = pytest.mark.asyncio(loop_scope="module")

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"


@dataclass
class Collector(trace_service_pb2_grpc.TraceServiceServicer):
    """A real OTLP/gRPC collector, as far as receiving goes."""

    #: (service, span name, trace id, span id, parent span id)
    spans: list[tuple[str, str, str, str, str]] = field(default_factory=list)

    async def Export(self, request: Any, context: Any) -> Any:
        for resource in request.resource_spans:
            names = {item.key: item.value.string_value for item in resource.resource.attributes}
            for scope in resource.scope_spans:
                self.spans += [
                    (
                        names["service.name"],
                        span.name,
                        span.trace_id.hex(),
                        span.span_id.hex(),
                        span.parent_span_id.hex(),
                    )
                    for span in scope.spans
                ]
        return trace_service_pb2.ExportTraceServiceResponse()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def collector() -> AsyncIterator[tuple[Collector, str]]:
    collector, server = Collector(), grpc.aio.server()
    trace_service_pb2_grpc.add_TraceServiceServicer_to_server(collector, server)  # type: ignore[no-untyped-call]
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    yield collector, f"http://127.0.0.1:{port}"
    await server.stop(0)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def mesh(collector: tuple[Collector, str], tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Mesh]:
    data_dir: Path = tmp_path_factory.mktemp("telemetry") / "data"
    environment = {"OTEL_EXPORTER_OTLP_ENDPOINT": collector[1], "OTEL_BSP_SCHEDULE_DELAY": "200"}
    async with running_mesh(data_dir, environment=environment) as mesh:
        yield mesh


async def test_a_request_is_one_trace_through_every_service(mesh: Mesh, collector: tuple[Collector, str]) -> None:
    spans = collector[0].spans
    async with http_of(mesh.endpoints) as http, client_of(mesh.endpoints) as client:
        headers = {"traceparent": f"00-{TRACE}-00f067aa0ba902b7-01"}
        answer = await http.post("/jobs", json={"kind": "test.sleep", "input": {"seconds": 0.1}}, headers=headers)
        job = await client.wait(answer.json()["jobId"])

        async def all_have_said_theirs() -> bool:
            return {"tutti-gateway", "tutti-orchestrator", "tutti-scheduler", "tutti-worker"} <= {
                service for service, _, trace, _, _ in spans if trace == TRACE
            }

        await eventually(all_have_said_theirs, within=20, why=lambda: f"{spans}")

    assert job.traceparent[3:35] == TRACE
    ours = [span for span in spans if span[2] == TRACE]
    gateway = next(span for span in ours if span[:2] == ("tutti-gateway", "HTTP POST"))
    assert gateway[4] == "00f067aa0ba902b7"
    worker = next(span for span in ours if span[:2] == ("tutti-worker", "test.sleep"))
    # Whatever was done for the request hangs below what the gateway did.
    assert worker[4] == gateway[3]


async def test_every_process_serves_its_metrics_on_its_own_port(mesh: Mesh) -> None:
    parts = mesh.endpoints
    expected = {
        parts.orchestrators[0].metrics: "tutti_jobs_created_total",
        parts.schedulers[0].metrics: "tutti_tasks_placed_total",
        parts.workers[0].metrics: "tutti_attempts_ended_total",
        f"{parts.gateway.url}/metrics": "tutti_",
    }
    async with httpx.AsyncClient() as http:
        pages = await asyncio.gather(*(http.get(url) for url in expected))
    for page, name in zip(pages, expected.values(), strict=True):
        assert page.status_code == 200
        assert name in page.text
