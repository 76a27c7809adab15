"""What people type, as values: options, labels, JSON objects."""

import json
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NoReturn

from google.protobuf import json_format

from tutti.errors import InvalidInput
from tutti.v1 import job_pb2


def options(pairs: Iterable[str], *, field: str = "option") -> dict[str, Any]:
    """`bpm=90 swing=true key=Am` as JSON values; what is not JSON is text."""
    return {key: _value(text) for key, text in _split(pairs, field)}


def labels(pairs: Iterable[str]) -> dict[str, str]:
    return dict(_split(pairs, "label"))


def json_object(text: str, *, field: str) -> dict[str, Any]:
    try:
        value = json.loads(text, parse_constant=_refuse_constant)
    except ValueError as error:
        raise InvalidInput(f"--{field} is not JSON: {error}", field=field) from error
    if not isinstance(value, dict):
        raise InvalidInput(f'--{field} must be a JSON object, such as \'{{"text": "hello"}}\'', field=field)
    return value


def plan(file: Path) -> job_pb2.Plan:
    """A plan as JSON in a file, or on standard input where the file is called `-`."""
    try:
        text = sys.stdin.read() if str(file) == "-" else file.read_text(encoding="utf-8")
        return json_format.Parse(text, job_pb2.Plan())
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidInput(f"--plan {file} cannot be read: {error}", field="plan") from error
    except json_format.ParseError as error:
        raise InvalidInput(
            f'--plan {file} holds no plan: {error}; write {{"tasks": [{{"name": …, "kind": …, "input": {{…}}}}]}}',
            field="plan",
        ) from error


def addresses(text: str, *, field: str) -> tuple[str, ...]:
    """host:port, several separated by commas."""
    parts = tuple(part.strip() for part in text.split(",") if part.strip())
    for part in parts:
        host, _, port = part.rpartition(":")
        if not host or not port.isdigit():
            raise InvalidInput(f"{field}: {part!r} is not host:port, such as 127.0.0.1:7100", field=field)
    return parts


def _split(pairs: Iterable[str], field: str) -> Iterable[tuple[str, str]]:
    seen: set[str] = set()
    for pair in pairs:
        key, equals, text = pair.partition("=")
        key = key.strip()
        if not equals or not key:
            raise InvalidInput(f"--{field} {pair!r}: write it as key=value, such as --{field} bpm=90", field=field)
        if key in seen:
            raise InvalidInput(f"--{field} {key} is given twice; give it once", field=field)
        seen.add(key)
        yield key, text


def _value(text: str) -> Any:
    try:
        return json.loads(text, parse_constant=_refuse_constant)
    except ValueError:
        return text


def _refuse_constant(name: str) -> NoReturn:
    # Python reads NaN and Infinity; JSON has none, and neither has any option.
    raise ValueError(f"{name} is not a number in JSON")
