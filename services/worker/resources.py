"""What this machine has to offer, as far as it can be seen without vendor libraries."""

import os
from pathlib import Path

from tutti.v1 import task_pb2

#: The driver's list of GPUs on Linux: a directory each.
NVIDIA_GPUS = Path("/proc/driver/nvidia/gpus")


def of_this_machine() -> task_pb2.Resources:
    pages, page_bytes = os.sysconf("SC_PHYS_PAGES"), os.sysconf("SC_PAGE_SIZE")
    return task_pb2.Resources(
        cpu=len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1,
        memory_bytes=pages * page_bytes,
        gpus=len(list(NVIDIA_GPUS.iterdir())) if NVIDIA_GPUS.is_dir() else 0,
    )
