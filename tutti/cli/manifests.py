"""Making a track again from its manifest, and whether it became the same bytes."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from tutti.cli import failures, following
from tutti.cli.output import say, say_json
from tutti.client import Client, music
from tutti.errors import InvalidInput
from tutti.v1 import job_pb2

Verdict = Literal["same", "different", "missing"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Manifest:
    request: Mapping[str, Any]
    #: SHA-256 of each file that was made, by name.
    outputs: Mapping[str, str]

    def spec(self) -> job_pb2.JobSpec:
        """Every task is done: what the cache gives again would prove nothing."""
        return music(
            self.request["narrative"],
            duration=self.request.get("duration"),
            model=self.request.get("model", "track"),
            options=self.request.get("options", {}),
            cache=False,
        )


def read(file: Path) -> Manifest:
    try:
        found = json.loads(file.read_text(encoding="utf-8"))
        outputs = {str(each["name"]): str(each["sha256"]) for each in found["outputs"]}
        manifest = Manifest(request=found["request"], outputs=outputs)
        manifest.spec()
    except OSError as error:
        raise InvalidInput(f"{file} cannot be read: {error}") from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise InvalidInput(f"{file} is no manifest of a track; give the manifest.json that a track left") from error
    return manifest


def compared(manifest: Manifest, job: job_pb2.Job) -> dict[str, Verdict]:
    made = {artifact.name: artifact.sha256 for artifact in job.artifacts}
    return {
        name: "missing" if name not in made else "same" if made[name] == sha256 else "different"
        for name, sha256 in manifest.outputs.items()
    }


async def replay(client: Client, manifest: Manifest, *, as_json: bool) -> int:
    """Make it again, follow that, and say of each file whether it is the same; returns the exit code."""
    job_id = await client.submit(manifest.spec())
    job = await following.follow(client, job_id, as_json=as_json)
    if not as_json:
        following.conclude(job)
    if job.state != job_pb2.JOB_STATE_SUCCEEDED:
        return failures.FAILED
    verdicts = compared(manifest, job)
    if as_json:
        say_json({"jobId": job_id, "outputs": verdicts})
    else:
        for name, verdict in verdicts.items():
            say(f"{verdict:<9} {name}")
    return failures.OK if set(verdicts.values()) <= {"same"} else failures.FAILED
