"""How gRPC is told to run: before it is first imported, by whatever module a process begins with."""

import subprocess
import sys

import pytest

_PROGRAM = """
import builtins, os, sys
real = builtins.__import__
def spy(name, *rest):
    if name == "grpc" and "grpc" not in sys.modules and "GRPC_EXPERIMENTS" not in os.environ:
        raise SystemExit("grpc is imported before it was told")
    return real(name, *rest)
builtins.__import__ = spy
import {module}
import asyncio, grpc
async def main():
    server = grpc.aio.server()
    server.add_insecure_port("127.0.0.1:0")
    await server.start()
    await server.stop(0)
asyncio.run(main())
print(os.environ["GRPC_EXPERIMENTS"])
"""


def _run(module: str, **environment: str) -> "subprocess.CompletedProcess[str]":
    argv = [sys.executable, "-c", _PROGRAM.format(module=module)]
    environment = {"PATH": "/usr/bin:/bin", "PYTHONPATH": ":".join(filter(None, sys.path)), **environment}
    return subprocess.run(argv, capture_output=True, text=True, timeout=60, check=False, env=environment)


@pytest.mark.parametrize(
    "module",
    [
        "services.gateway.__main__",
        "services.orchestrator.__main__",
        "services.scheduler.__main__",
        "services.worker.__main__",
        "tutti.client",
        "tutti.handlers",
    ],
)
def test_every_process_tells_grpc_how_to_run_before_importing_it(module: str) -> None:
    ran = _run(module)
    # gRPC complains on standard error about an experiment that it does not know (any more).
    assert (ran.returncode, ran.stderr) == (0, "")
    assert ran.stdout == "-event_engine_client,-event_engine_listener\n"


def test_who_sets_the_variable_decides() -> None:
    assert _run("tutti.client", GRPC_EXPERIMENTS="").stdout == "\n"
