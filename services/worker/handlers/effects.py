"""Kinds for the chaos suite, served only with TUTTI_TEST_HANDLERS=1: they work in sections, and write everything that
they do to a log of side effects, so that somebody can judge afterwards which attempts ran, where, and how far.

test.work   {log, sections, seconds, checkpoints, artifact, failures, final, given}
test.shared {the same}          of equal ones, one works and all get its result

Its first `failures` attempts fail; with `final` every attempt does, for good. A line of the log reads
`<what> <time> <job> <task> <attempt> <run> <pid> <number>`: `begin` (the number is where it goes on from), `section`
(which one), `end`, `fail`, or `stop` where it was cancelled. `run` is one execution and no other, not even of the same
attempt; the result names it, so that the job's record says whose word it took.
"""

import asyncio
import os
import secrets
import time
from typing import Any

from tutti.handlers import Context, Handler, JsonObject, TaskFailure


class EffectLog:
    """One execution's side of the log."""

    def __init__(self, path: str, context: Context) -> None:
        self.run = secrets.token_hex(6)
        self._path = path
        self._who = f"{context.job_id} {context.task} {context.attempt} {self.run} {os.getpid()}"

    def write(self, what: str, number: int = 0) -> None:
        # O_APPEND and a single write: lines of several processes never mix, and one is there in full or not at all.
        file = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        try:
            os.write(file, f"{what} {time.time():.6f} {self._who} {number}\n".encode())
        finally:
            os.close(file)


async def work(context: Context, input: JsonObject) -> JsonObject:
    log, resumed = EffectLog(str(input["log"]), context), context.resume_from
    done = int(resumed.note["done"]) if resumed else 0
    log.write("begin", done)
    try:
        _fail_on_purpose(context, input)
        await _sections(context, input, log, done)
    except TaskFailure:
        log.write("fail")
        raise
    except asyncio.CancelledError:
        log.write("stop")
        raise
    log.write("end", int(input["sections"]))
    return {"run": log.run, "given": input.get("given", "")}


def _fail_on_purpose(context: Context, input: JsonObject) -> None:
    if input.get("final"):
        raise TaskFailure("failing for good, on purpose", reason="ON_PURPOSE", retryable=False)
    if context.attempt <= int(input.get("failures", 0)):
        raise TaskFailure("failing on purpose", reason="ON_PURPOSE")


async def _sections(context: Context, input: JsonObject, log: EffectLog, done: int) -> None:
    sections = int(input["sections"])
    for section in range(done + 1, sections + 1):
        await asyncio.sleep(float(input["seconds"]) / sections)
        log.write("section", section)
        if input.get("checkpoints"):
            await context.checkpoint({"done": section})
        await context.progress(section / sections, f"section {section} of {sections}")
    if input.get("artifact"):
        await context.artifact("run.txt", log.run.encode(), type="text/plain")


def handlers() -> list[Handler]:
    count, flag = {"type": "integer", "minimum": 0, "maximum": 1_000}, {"type": "boolean"}
    properties = {
        "log": {"type": "string", "minLength": 1},
        "sections": count,
        "seconds": {"type": "number", "minimum": 0, "maximum": 3600},
        "checkpoints": flag,
        "artifact": flag,
        "failures": count,
        "final": flag,
        "given": {"type": "string"},
    }
    schema: dict[str, Any] = {"type": "object", "properties": properties, "required": ["log", "sections", "seconds"]}
    schema["additionalProperties"] = False
    return [
        Handler(kind="test.work", run=work, input_schema=schema),
        Handler(kind="test.shared", run=work, input_schema=schema, cache_version="1"),
    ]
