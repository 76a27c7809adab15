"""Reads typed values out of JSON objects and names the path of whatever does not fit."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from music.errors import RequestError


def number(value: Any, field: str, *, low: float, high: float, remedy: str = "") -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise RequestError(field, f"must be a number, got {_shown(value)}.{_after(remedy)}")
    if not low <= value <= high:
        raise RequestError(field, f"must be from {low:g} to {high:g}, got {value:g}.{_after(remedy)}")
    return float(value)


def integer(value: Any, field: str, *, low: int, high: int) -> int:
    if isinstance(value, float) and value.is_integer():
        value = int(value)  # JSON has one number type: 7.0 is 7 to the sender
    if isinstance(value, bool) or not isinstance(value, int):
        raise RequestError(field, f"must be a whole number, got {_shown(value)}.")
    if not low <= value <= high:
        raise RequestError(field, f"must be from {low} to {high}, got {value}.")
    return value


def text(value: Any, field: str, *, longest: int) -> str:
    if not isinstance(value, str):
        raise RequestError(field, f"must be text, got {_shown(value)}.")
    if len(value) > longest:
        raise RequestError(field, f"must be at most {longest} characters, got {len(value)}. Shorten it.")
    return value


def choice(value: Any, field: str, options: Sequence[str]) -> str:
    if value not in options:
        raise RequestError(field, f"must be one of {', '.join(options)}, got {_shown(value)}.")
    return str(value)


def flag(value: Any, field: str) -> bool:
    if not isinstance(value, bool):
        raise RequestError(field, f"must be true or false, got {_shown(value)}.")
    return value


def mapping(value: Any, field: str) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise RequestError(field, f"must be a JSON object, got {_shown(value)}.")
    return value


def items(value: Any, field: str, *, most: int) -> Sequence[Any]:
    if not isinstance(value, list | tuple):
        raise RequestError(field, f"must be a list, got {_shown(value)}.")
    if len(value) > most:
        raise RequestError(field, f"must have at most {most} entries, got {len(value)}.")
    return value


def required(source: Mapping[str, Any], name: str, path: str = "") -> Any:
    if name not in source:
        raise RequestError(f"{path}.{name}" if path else name, "is missing.")
    return source[name]


def only(source: Mapping[str, Any], known: Sequence[str], path: str = "") -> None:
    for name in source:
        if name not in known:
            field = f"{path}.{name}" if path else str(name)
            raise RequestError(field[:120], f"is not a parameter. Known: {', '.join(sorted(known))}.")


def _shown(value: Any) -> str:
    return repr(value)[:60]


def _after(remedy: str) -> str:
    return f" {remedy}" if remedy else ""
