"""Plans of music that callers give back: kept as a file of their job, which the spec then only names.

One of ten minutes has a megabyte or three. In the spec it would be read with every look at the job and with every list
of jobs, and be written, ordered and handed on with the rest.
"""

import asyncio
import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from tutti import errors, structs
from tutti.artifacts import Artifact, ArtifactKey
from tutti.v1 import job_pb2

OPTION = "plan"
FILE = "given.json"
TYPE = "application/json"
#: Of the plan as JSON: ten minutes of the densest music that we know at the fastest tempo are 3.1 MB.
LARGEST = 8 * 1024 * 1024
#: No task's: no attempt has made it.
_PLACE = "given"


@dataclass(frozen=True, kw_only=True, slots=True)
class Given:
    #: The spec with the file's description in the place of the plan.
    spec: job_pb2.JobSpec
    file: Artifact
    content: bytes


async def given_plan(spec: job_pb2.JobSpec, job_id: str) -> Given | None:
    """None where the spec gives none. Raises InvalidInput for one that is too large."""
    if not spec.HasField("music") or OPTION not in spec.music.options.fields:
        return None
    if not spec.music.options.fields[OPTION].HasField("struct_value"):
        return None  # and refused with the other options
    plan = spec.music.options.fields[OPTION].struct_value
    # Some tenths of a second, which on the event loop would be everybody's.
    content = await asyncio.to_thread(lambda: _written(structs.to_dict(plan)))
    if len(content) > LARGEST:
        raise errors.InvalidInput(
            f"options.plan: {len(content):,} bytes; at most {LARGEST:,} are allowed", field="options.plan"
        )
    file = Artifact(
        name=FILE,
        type=TYPE,
        size=len(content),
        sha256=hashlib.sha256(content).hexdigest(),
        key=str(ArtifactKey(job=job_id, task=_PLACE, attempt=1, name=FILE)),
    )
    named = job_pb2.JobSpec()
    named.CopyFrom(spec)
    named.music.options.update({OPTION: asdict(file)})
    return Given(spec=named, file=file, content=content)


def _written(plan: Mapping[str, Any]) -> bytes:
    return json.dumps(plan, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode()
