"""Kinds for tests and benchmarks, served only with TUTTI_TEST_HANDLERS=1.

test.echo                       returns its input
test.sleep  {seconds, steps}    sleeps, saying progress after each step
test.ticks  {count, each,       says `count` lines, `each` at a time and `pause` seconds apart, after `delay` seconds
             pause, delay}
test.fail   {times}             fails its first `times` attempts, then succeeds
test.effect {path, line}        appends a line to a file: the log of side effects
test.cached {path, value, seconds}
                                the same, after some time: appends its job's id, and stores and returns the value; the
                                cache spares equal ones
test.read   {file}              returns the text of an artifact
test.journal {path, steps, seconds, fails}
                                works in steps with a checkpoint after each, fails its first `fails` attempts, and says
                                in a file `<begin, end, fail or cancelled> <job> <attempt> <steps done>`
test.crash  {spare}             kills its own process, unless it is to be spared
test.work, test.shared {log, …} see `effects`
"""

import asyncio
import os
import signal
import time
from dataclasses import asdict
from typing import Any

from services.worker.handlers import effects
from tutti.artifacts import Artifact
from tutti.handlers import Context, Handler, JsonObject, TaskFailure


async def echo(context: Context, input: JsonObject) -> JsonObject:
    return input


async def sleep(context: Context, input: JsonObject) -> JsonObject:
    seconds, steps = float(input.get("seconds", 1)), int(input.get("steps", 1))
    for step in range(steps):
        await asyncio.sleep(seconds / steps)
        await context.progress((step + 1) / steps, f"step {step + 1} of {steps}")
    return {"slept": seconds}


async def ticks(context: Context, input: JsonObject) -> JsonObject:
    await asyncio.sleep(float(input.get("delay", 0)))
    each = int(input.get("each", 1))
    for number in range(int(input.get("count", 10))):
        await context.log(repr(time.monotonic()))
        if number % each == each - 1:
            await asyncio.sleep(float(input.get("pause", 0.01)))
    return {}


async def fail(context: Context, input: JsonObject) -> JsonObject:
    times = int(input.get("times", 1))
    if context.attempt <= times:
        raise TaskFailure(f"failing on purpose, {context.attempt} of {times}", reason="ON_PURPOSE")
    return {"attempt": context.attempt}


async def effect(context: Context, input: JsonObject) -> JsonObject:
    _append(str(input["path"]), str(input["line"]))
    return {}


async def cached(context: Context, input: JsonObject) -> JsonObject:
    # At the beginning, so that a test sees that it runs.
    _append(str(input["path"]), context.job_id)
    await asyncio.sleep(float(input.get("seconds", 0)))
    artifact = await context.artifact("value.txt", str(input["value"]).encode(), type="text/plain")
    return {"value": input["value"], "file": asdict(artifact)}


async def read(context: Context, input: JsonObject) -> JsonObject:
    described = input["file"]
    into = context.workdir / "read"
    await context.read(Artifact(**{**described, "size": int(described["size"])}), into)
    return {"text": into.read_text()}


async def journal(context: Context, input: JsonObject) -> JsonObject:
    steps, seconds = int(input.get("steps", 1)), float(input.get("seconds", 0))
    saved = context.resume_from
    done = int(saved.note["done"]) if saved is not None else 0

    def write(what: str) -> None:
        _append(str(input["path"]), f"{what} {context.job_id} {context.attempt} {done}")

    write("begin")
    try:
        while done < steps:
            await asyncio.sleep(seconds / steps)
            done += 1
            await context.checkpoint({"done": done})
    except asyncio.CancelledError:
        write("cancelled")
        raise
    if context.attempt <= int(input.get("fails", 0)):
        write("fail")
        raise TaskFailure("failing on purpose", reason="ON_PURPOSE")
    write("end")
    return {"done": done}


def _append(path: str, line: str) -> None:
    # O_APPEND: lines of several processes never mix.
    file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    try:
        os.write(file, f"{line}\n".encode())
    finally:
        os.close(file)


async def crash(context: Context, input: JsonObject) -> JsonObject:
    if not input.get("spare"):
        os.kill(os.getpid(), signal.SIGKILL)
    return {}


def _schema(required: tuple[str, ...] = (), **properties: Any) -> JsonObject:
    return {
        "type": "object",
        "properties": properties,
        "required": list(required),
        "additionalProperties": False,
    }


def handlers() -> list[Handler]:
    seconds = {"type": "number", "minimum": 0, "maximum": 3600}
    count = {"type": "integer", "minimum": 0, "maximum": 10_000}
    text = {"type": "string", "minLength": 1}
    return [
        Handler(kind="test.echo", run=echo),
        Handler(kind="test.sleep", run=sleep, input_schema=_schema(seconds=seconds, steps={**count, "minimum": 1})),
        Handler(
            kind="test.ticks",
            run=ticks,
            input_schema=_schema(count=count, each={**count, "minimum": 1}, pause=seconds, delay=seconds),
        ),
        Handler(kind="test.fail", run=fail, input_schema=_schema(times=count)),
        Handler(kind="test.effect", run=effect, input_schema=_schema(("path", "line"), path=text, line=text)),
        Handler(
            kind="test.cached",
            run=cached,
            input_schema=_schema(("path", "value"), path=text, value={}, seconds=seconds),
            cache_version="1",
        ),
        Handler(kind="test.read", run=read),
        Handler(
            kind="test.journal",
            run=journal,
            input_schema=_schema(("path",), path=text, steps=count, seconds=seconds, fails=count),
        ),
        Handler(kind="test.crash", run=crash),
        *effects.handlers(),
    ]
