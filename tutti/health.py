"""`python -m tutti.health host:port [service]`: asks a gRPC server how it is, for containers and scripts.

Exit code 0 means SERVING, 1 anything else. Without a service the process itself is asked: a standby scheduler is well,
and yet its service is NOT_SERVING.
"""

import argparse
import asyncio
import sys

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc


async def state(address: str, service: str = "", *, timeout_seconds: float = 2.0) -> str:
    """SERVING, NOT_SERVING, or the code of the call that failed, such as NOT_FOUND for an unknown service."""
    # Not the mesh's own channel, which brings half of the mesh along: this runs every few seconds in every container.
    async with grpc.aio.insecure_channel(address) as channel:
        request = health_pb2.HealthCheckRequest(service=service)
        try:
            answer = await health_pb2_grpc.HealthStub(channel).Check(request, timeout=timeout_seconds)
        except grpc.aio.AioRpcError as error:
            return error.code().name
        return str(health_pb2.HealthCheckResponse.ServingStatus.Name(answer.status))


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tutti.health", description="Ask a gRPC server how it is.")
    parser.add_argument("address", metavar="host:port")
    parser.add_argument("service", nargs="?", default="", help="full name, such as tutti.v1.WorkerService")
    parser.add_argument("--timeout", type=float, default=2.0, metavar="SECONDS")
    arguments = parser.parse_args()
    found = asyncio.run(state(arguments.address, arguments.service, timeout_seconds=arguments.timeout))
    print(f"{arguments.address} {arguments.service or 'process'}: {found}")  # noqa: T201  a command line
    return 0 if found == "SERVING" else 1


if __name__ == "__main__":
    sys.exit(main())
