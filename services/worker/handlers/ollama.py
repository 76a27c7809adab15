"""A language model behind Ollama that reads what a request says about music. Answers are held to a JSON schema, by
Ollama while it writes and by us when it has written: a model may say anything."""

import json
from typing import Any

import httpx
import jsonschema_rs

from music.genres import GENRES
from tutti.errors import Internal, Unavailable

#: Longest wait for an answer, in seconds: a model may have to be loaded first.
ANSWER_SECONDS = 60.0
SCHEMA: dict[str, Any] = {
    "type": "object",
    "additionalProperties": False,
    "properties": {
        "genre": {"enum": list(GENRES)},
        "mood": {"type": "string", "maxLength": 64},
        "bpm": {"type": "number", "minimum": 30, "maximum": 300},
        "key": {"type": "string", "pattern": "^[A-G][#b]? (major|minor)$"},
        "time_signature": {"enum": [2, 3, 4, 6]},
        "energy": {"type": "number", "minimum": 0, "maximum": 1},
        "instruments": {"type": "array", "items": {"type": "string", "maxLength": 64}, "maxItems": 12},
    },
}
_VALIDATOR = jsonschema_rs.validator_for(SCHEMA)
_SYSTEM = (
    "You read requests for music. Answer with a JSON object that holds only what the request says or clearly implies. "
    "Leave every other field out. Put a minus before instruments that are not wanted."
)


class Ollama:
    def __init__(self, url: str, model: str) -> None:
        self.model = model
        # No proxies from the environment: this is a neighbour.
        self._http = httpx.AsyncClient(base_url=url.rstrip("/"), timeout=ANSWER_SECONDS, trust_env=False)

    async def read(self, narrative: str) -> dict[str, Any]:
        """Raises Unavailable when nobody answers, Internal when the answer is of no use."""
        asked = {
            "model": self.model,
            "stream": False,
            "format": SCHEMA,
            "options": {"temperature": 0, "seed": 0},
            "messages": [{"role": "system", "content": _SYSTEM}, {"role": "user", "content": narrative}],
        }
        try:
            answer = await self._http.post("/api/chat", json=asked)
            answer.raise_for_status()
        except httpx.HTTPError as error:
            raise Unavailable(f"Ollama: {error or type(error).__name__}") from error
        try:
            found = json.loads(answer.json()["message"]["content"])
        except (ValueError, KeyError, TypeError) as error:
            raise Internal("Ollama answered something else than JSON") from error
        wrong = next(iter(_VALIDATOR.iter_errors(found)), None)
        if wrong is not None:
            raise Internal(f"Ollama's answer does not fit: {wrong.message[:200]}")
        return dict(found)

    async def close(self) -> None:
        await self._http.aclose()
