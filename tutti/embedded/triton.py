"""Where the Triton Inference Server of the nvidia-pytriton wheel is, and how to launch it on a CPU.

This module describes a launch and tells when the server is ready. It starts no process and stops none: that belongs to
the supervisor. Site-packages is only read: the backend directory that Triton wants is assembled in `runtime_dir`.
"""

import asyncio
import hashlib
import importlib.util
import os
import shutil
import sys
import sysconfig
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import grpc

from tutti.errors import DeadlineExceeded, PreconditionFailed

if TYPE_CHECKING:
    from tritonclient.grpc.aio import InferenceServerClient

LOOPBACK = "127.0.0.1"
INSTALL_COMMAND = "pip install 'tutti-mesh[embedded]'"
STUB_NAME = "triton_python_backend_stub"
#: Triton waits this long for requests in flight when it is told to stop.
EXIT_TIMEOUT_SECONDS = 3
#: Models compute with numpy on threads of their own; a thread pool per process would only make them fight for cores.
SINGLE_THREADED = dict.fromkeys(
    ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS"), "1"
)
SHARED_MEMORY = Path("/dev/shm")  # noqa: S108  the kernel's name for it, not a temporary directory of ours


@dataclass(frozen=True, kw_only=True, slots=True)
class TritonInstall:
    binary: Path
    backends: Path
    #: The Python backend's helper process, built for the Python that runs us.
    stub: Path
    #: Folders of shared libraries that the stub is linked against: libpython's and the wheel's own.
    library_paths: tuple[Path, ...]
    #: The bin folder of the environment whose packages the models import.
    environment_bin: Path


@dataclass(frozen=True, kw_only=True, slots=True)
class Launch:
    argv: tuple[str, ...]
    env: Mapping[str, str]
    #: What the server's shared memory files begin with.
    shared_memory_prefix: str

    def remove_leftovers(self) -> int:
        """Free the shared memory of a server that was killed. Only when its process is gone."""
        files = list(SHARED_MEMORY.glob(f"{self.shared_memory_prefix}*"))
        for file in files:
            file.unlink(missing_ok=True)
        return len(files)


def find_triton() -> TritonInstall:
    """Raises PreconditionFailed, with the command that mends it, when a part is missing."""
    package = _wheel_directory()
    server = package / "tritonserver"
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    return TritonInstall(
        binary=_existing(server / "bin" / "tritonserver", f"Reinstall it: {INSTALL_COMMAND}"),
        backends=_existing(server / "backends", f"Reinstall it: {INSTALL_COMMAND}"),
        stub=_existing(
            server / "python_backend_stubs" / version / STUB_NAME,
            f"The wheel has no stub for Python {version}: use Python 3.11 or 3.12.",
        ),
        library_paths=(_libpython_directory(), package.parent / "nvidia_pytriton.libs"),
        environment_bin=Path(sys.executable).parent,
    )


def _wheel_directory() -> Path:
    # find_spec looks the package up without running it: importing pytriton takes a second and opens sockets.
    spec = importlib.util.find_spec("pytriton")
    if spec is None or not spec.submodule_search_locations:
        raise PreconditionFailed(
            f"No Triton here: the package nvidia-pytriton is not installed. Install it: {INSTALL_COMMAND}",
            reason="TRITON_MISSING",
        )
    return Path(next(iter(spec.submodule_search_locations)))


def _existing(path: Path, remedy: str) -> Path:
    if not path.exists():
        raise PreconditionFailed(f"Triton is incomplete: {path} is missing. {remedy}", reason="TRITON_MISSING")
    return path


def _libpython_directory() -> Path:
    name = str(sysconfig.get_config_var("INSTSONAME") or "")
    candidates = [Path(str(sysconfig.get_config_var("LIBDIR"))), Path(sys.base_prefix) / "lib"]
    for directory in candidates:
        if ".so" in name and (directory / name).exists():
            return directory
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    raise PreconditionFailed(
        f"Triton's Python backend needs libpython{version}.so, and this Python was built without it. "
        f"Use one built with --enable-shared, or install the system's package libpython{version}.",
        reason="LIBPYTHON_MISSING",
    )


def model_repository() -> Path:
    """The models that come with Tutti: of the checkout when there is one, else those in the wheel."""
    checkout = Path(__file__).resolve().parents[2] / "models"
    packaged = Path(__file__).resolve().parent / "models"
    for candidate in (checkout, packaged):
        if (candidate / "jen1" / "config.pbtxt").is_file():
            return candidate
    raise PreconditionFailed(
        f"The model repository is missing (looked in {checkout} and {packaged}). Reinstall: {INSTALL_COMMAND}",
        reason="MODELS_MISSING",
    )


def command(
    install: TritonInstall,
    *,
    model_repository: Path,
    http_port: int,
    grpc_port: int,
    metrics_port: int,
    runtime_dir: Path,
) -> Launch:
    """Prepare `runtime_dir` and describe the process that serves `model_repository` on loopback."""
    prefix = f"tutti-{hashlib.sha256(str(runtime_dir.resolve()).encode()).hexdigest()[:12]}-"
    options = {
        "model-repository": model_repository,
        "backend-directory": _backend_directory(install, runtime_dir),
        # Killed servers leave their shared memory behind; a prefix of our own lets us find it.
        "backend-config": f"python,shm-region-prefix-name={prefix}",
        "http-address": LOOPBACK,
        "http-port": http_port,
        "grpc-address": LOOPBACK,
        "grpc-port": grpc_port,
        "metrics-address": LOOPBACK,
        "metrics-port": metrics_port,
        "allow-gpu-metrics": "false",
        "exit-timeout-secs": EXIT_TIMEOUT_SECONDS,
    }
    argv = (str(install.binary), *(f"--{name}={value}" for name, value in options.items()))
    return Launch(argv=argv, env=_environment(install), shared_memory_prefix=prefix)


def _backend_directory(install: TritonInstall, runtime_dir: Path) -> Path:
    """A private copy of the backends: Triton wants the stub beside the backend, and site-packages may be read-only."""
    backends = runtime_dir / "backends"
    if backends.exists():
        shutil.rmtree(backends)
    python = backends / "python"
    python.mkdir(parents=True)
    for file in (install.backends / "python").iterdir():
        if file.is_file():
            (python / file.name).symlink_to(file.resolve())
    shutil.copy2(install.stub, python / STUB_NAME)
    (python / STUB_NAME).chmod(0o755)  # wheels lose the executable bit
    return backends


def _environment(install: TritonInstall) -> dict[str, str]:
    # The stub finds the environment's packages through the first python3 on PATH; it ignores PYTHONPATH.
    return {
        **os.environ,
        **SINGLE_THREADED,
        "PATH": _prepended("PATH", install.environment_bin),
        "LD_LIBRARY_PATH": _prepended("LD_LIBRARY_PATH", *install.library_paths),
    }


def _prepended(variable: str, *directories: Path) -> str:
    parts = [*map(str, directories), os.environ.get(variable, "")]
    return os.pathsep.join(part for part in parts if part)


async def wait_ready(grpc_address: str, timeout: float) -> None:
    """Return once the server and all its models are ready; raises DeadlineExceeded after `timeout` seconds."""
    # It needs numpy, which the commands that only talk to a mesh need not wait for.
    from tritonclient.grpc.aio import InferenceServerClient

    client = InferenceServerClient(grpc_address)
    try:
        async with asyncio.timeout(timeout):
            while not await _is_ready(client):  # noqa: ASYNC110  another process has no event to wait for
                await asyncio.sleep(0.05)
    except TimeoutError as error:
        raise DeadlineExceeded(
            f"Triton at {grpc_address} was not ready within {timeout:g} s; its log says why.",
            reason="TRITON_NOT_READY",
        ) from error
    finally:
        await client.close()


async def _is_ready(client: "InferenceServerClient") -> bool:
    from tritonclient.utils import InferenceServerException

    try:
        return bool(await client.is_server_ready(client_timeout=1.0))
    except (InferenceServerException, grpc.RpcError):
        return False
