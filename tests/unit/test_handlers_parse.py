"""`prompt.parse` with a language model that helps, one that talks nonsense, and none: a real HTTP server that speaks as
Ollama does.
"""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from music.genres import GENRES
from services.worker.handlers import parse, stored
from services.worker.handlers.ollama import Ollama
from tests.fixtures.local_context import LocalContext
from tests.fixtures.triton import free_ports

MODEL = "llama-test"
GOOD = {"genre": "jazz", "bpm": 120, "key": "D minor", "instruments": ["piano", "-drums"], "energy": 0.3}


class Server(ThreadingHTTPServer):
    """Answers every chat in the same way and remembers what it was asked."""

    def __init__(self, status: int, body: bytes) -> None:
        super().__init__(("127.0.0.1", 0), Chat)
        self.status, self.body = status, body
        self.asked: list[tuple[str, dict[str, Any]]] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


class Chat(BaseHTTPRequestHandler):
    server: Server

    def do_POST(self) -> None:
        length = int(self.headers["content-length"])
        self.server.asked.append((self.path, json.loads(self.rfile.read(length))))
        self.send_response(self.server.status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(self.server.body)))
        self.end_headers()
        self.wfile.write(self.server.body)

    def log_message(self, format: str, *args: Any) -> None: ...


@contextmanager
def answering(body: bytes, status: int = 200) -> Iterator[Server]:
    with Server(status, body) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,), name="ollama")
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()


def said(content: str) -> bytes:
    """A chat's answer in Ollama's form."""
    return json.dumps({"model": MODEL, "message": {"role": "assistant", "content": content}, "done": True}).encode()


async def parsed(url: str | None, context: LocalContext, **more: Any) -> dict[str, Any]:
    ollama = Ollama(url, MODEL) if url else None
    handler = parse.handler(ollama)
    result = await handler.run(context, {"narrative": "calm jazz, no drums", **more})
    if handler.close is not None:
        await handler.close()
    assert result is not None
    return dict(result)


async def test_what_the_model_reads_is_handed_on_with_the_words(tmp_path: Path) -> None:
    context = LocalContext(tmp_path)
    with answering(said(json.dumps(GOOD))) as server:
        result = await parsed(server.url, context, duration=12, options={"seed": 7})
    assert result["parsed"] == GOOD
    assert result["by"] == f"ollama:{MODEL}"
    assert context.logged == []
    request = await stored.read_json(context, result["request"], field="request")
    words = {"narrative": "calm jazz, no drums", "duration": 12, "options": {"seed": 7}}
    assert request == {**words, "parsed": GOOD, "seed": "7"}


async def test_the_model_is_asked_as_ollama_wants_it_and_for_the_same_answer_each_time(tmp_path: Path) -> None:
    with answering(said("{}")) as server:
        await parsed(server.url + "/", LocalContext(tmp_path))
    ((path, asked),) = server.asked
    assert path == "/api/chat"
    assert (asked["model"], asked["stream"]) == (MODEL, False)
    assert asked["options"] == {"temperature": 0, "seed": 0}
    assert asked["messages"][-1] == {"role": "user", "content": "calm jazz, no drums"}
    # Ollama makes its model write what fits this.
    assert asked["format"]["properties"]["genre"]["enum"] == list(GENRES)


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (said('{"genre": "polka-core"}'), 200),
        (said('{"bpm": 9000}'), 200),
        (said('{"mood": "calm", "run": "rm -rf"}'), 200),
        (said('["jazz"]'), 200),
        (said("Sure! Here is some jazz:"), 200),
        (said(""), 200),
        (b"<html>It works!</html>", 200),
        (b"[]", 200),
        (b'{"message": "hello"}', 200),
        (b'{"message": {"content": 3}}', 200),
        (b'{"error": "model not found"}', 404),
        (b"", 500),
    ],
)
async def test_a_model_that_is_of_no_use_is_done_without_and_the_job_is_told(
    body: bytes, status: int, tmp_path: Path
) -> None:
    context = LocalContext(tmp_path)
    with answering(body, status) as server:
        result = await parsed(server.url, context)
    assert (result["parsed"], result["by"]) == ({}, "rules")
    ((level, line),) = context.logged
    assert level == "WARNING"
    assert "language model" in line
    assert len(line) < 400
    assert (await stored.read_json(context, result["request"], field="request"))["parsed"] == {}


async def test_what_the_composer_would_refuse_is_left_out_and_the_rest_is_kept(tmp_path: Path) -> None:
    context = LocalContext(tmp_path)
    with answering(said(json.dumps({**GOOD, "instruments": ["piano", "blorbophone"]}))) as server:
        result = await parsed(server.url, context)
    assert result["parsed"] == {name: value for name, value in GOOD.items() if name != "instruments"}
    assert result["by"] == f"ollama:{MODEL}"
    assert context.logged == [("WARNING", "left out of what the language model said: instruments")]


async def test_a_model_that_is_not_there_is_done_without(tmp_path: Path) -> None:
    context = LocalContext(tmp_path)
    result = await parsed(f"http://127.0.0.1:{free_ports(1)[0]}", context)
    assert result["by"] == "rules"
    assert [level for level, _ in context.logged] == ["WARNING"]


async def test_a_model_that_never_answers_is_done_without_in_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("services.worker.handlers.ollama.ANSWER_SECONDS", 0.2)
    context = LocalContext(tmp_path)
    hold = threading.Event()
    monkeypatch.setattr(Chat, "do_POST", lambda self: hold.wait(10))
    with answering(b"") as server:
        try:
            result = await parsed(server.url, context)
        finally:
            hold.set()
    assert result["by"] == "rules"


async def test_without_a_model_the_words_are_left_to_the_composer(tmp_path: Path) -> None:
    context = LocalContext(tmp_path)
    result = await parsed(None, context)
    assert (result["parsed"], result["by"], context.logged) == ({}, "rules", [])


async def test_the_seed_is_the_one_that_was_asked_for_or_that_of_a_plan_that_was_given(tmp_path: Path) -> None:
    context = LocalContext(tmp_path)
    largest = str(2**64 - 1)
    cases: list[tuple[dict[str, Any], str]] = [
        ({"seed": 7}, "7"),
        ({"seed": largest, "plan": {"seed": 5}}, largest),
        ({"plan": {"seed": 5}}, "5"),
    ]
    for options, seed in cases:
        result = await parsed(None, context, options=options)
        request = await stored.read_json(context, result["request"], field="request")
        assert (result["seed"], request["seed"], request["options"]) == (seed, seed, options)


async def test_without_one_each_request_gets_another(tmp_path: Path) -> None:
    context = LocalContext(tmp_path)
    asked: list[dict[str, Any]] = [{}, {}, {"plan": {}}, {"plan": 3}]
    found = [await parsed(None, context, options=options) for options in asked]
    assert len({result["seed"] for result in found}) == len({result["request"]["sha256"] for result in found}) == 4
    assert all(result["seed"].isdigit() and int(result["seed"]) < 2**53 for result in found)
