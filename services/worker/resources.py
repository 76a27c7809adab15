"""What this worker offers: what its operator says, else what can be seen of the machine without vendor libraries."""

import asyncio
import contextlib
import logging
import os
import shutil
from pathlib import Path

from services.worker.config import WorkerSettings
from tutti.v1 import task_pb2

log = logging.getLogger(__name__)

#: The driver's list of GPUs on Linux: a directory each.
NVIDIA_GPUS = Path("/proc/driver/nvidia/gpus")
#: Prints a line for each GPU: its memory in MiB.
NVIDIA_SMI = ("nvidia-smi", "--query-gpu=memory.total", "--format=csv,noheader,nounits")
#: A driver in trouble answers late or never; the worker starts all the same.
ASK_SECONDS = 10.0
MIB = 1024**2


async def of_worker(settings: WorkerSettings) -> task_pb2.Resources:
    has = task_pb2.Resources()
    has.cpu = settings.cpu if settings.cpu is not None else _cores()
    has.memory_bytes = settings.memory_bytes if settings.memory_bytes is not None else _memory_bytes()
    if settings.gpus == 0:
        return has
    memories: list[int] = []
    if settings.gpus is None or settings.gpu_memory_bytes is None:
        memories = await _gpu_memories()
    has.gpus = settings.gpus if settings.gpus is not None else len(memories) or _gpus()
    # Placement knows one figure for all of them: the one that holds for each.
    found = min(memories, default=0)
    has.gpu_memory_bytes = settings.gpu_memory_bytes if settings.gpu_memory_bytes is not None else found
    return has


def memories_of(printed: str) -> list[int]:
    """Bytes of each GPU, from what nvidia-smi printed. A GPU that does not tell has none to share."""
    lines = [line.strip() for line in printed.splitlines() if line.strip()]
    return [int(line) * MIB if line.isdecimal() else 0 for line in lines]


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _memory_bytes() -> int:
    return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")


def _gpus() -> int:
    return len(list(NVIDIA_GPUS.iterdir())) if NVIDIA_GPUS.is_dir() else 0


async def _gpu_memories() -> list[int]:
    program = shutil.which(NVIDIA_SMI[0])
    if program is None:
        return []
    process = await asyncio.create_subprocess_exec(
        program, *NVIDIA_SMI[1:], stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL
    )
    try:
        async with asyncio.timeout(ASK_SECONDS):
            printed, _ = await process.communicate()
    except TimeoutError:
        log.warning("nvidia-smi does not answer; say what there is with TUTTI_WORKER_GPUS")
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()
        return []
    return memories_of(printed.decode(errors="replace")) if process.returncode == 0 else []
