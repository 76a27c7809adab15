"""How the results of earlier tasks become the input of a later one: `${<task>.result.<path>}`."""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from google.protobuf import struct_pb2

from tutti import errors, structs

#: Any reference, for a quick look whether there is one at all.
MARK = "${"
#: What references may come to in an input, in bytes: a few words can name the same result many times over, and an order
#: that is too large for a message would never arrive.
LARGEST_FILLED = 8 * 1024 * 1024
_REFERENCE = re.compile(r"\$\{([A-Za-z0-9_-]+)\.result((?:\.[A-Za-z0-9_-]+)*)\}")


def resolved_input(given: struct_pb2.Struct, results: Mapping[str, struct_pb2.Struct]) -> struct_pb2.Struct:
    """Fill references in. One that is the whole of a string keeps its type; one inside a longer string becomes text."""
    if not results:
        return given  # a task that needs nothing refers to nothing
    plain = {name: structs.to_dict(result) for name, result in results.items()}
    return structs.from_dict(_fill(structs.to_dict(given), _Results(plain)))


def referred_tasks(given: struct_pb2.Struct) -> list[str]:
    """Names of the tasks whose results an input refers to, each once."""
    # Most inputs refer to nothing: looking at the bytes spares them the walk.
    if MARK.encode() not in given.SerializeToString():
        return []
    return list(dict.fromkeys(_referred(structs.to_dict(given))))


def _referred(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        for match in _REFERENCE.finditer(value):
            yield match[1]
    elif isinstance(value, dict | list):
        for item in value.values() if isinstance(value, dict) else value:
            yield from _referred(item)


class _Results:
    """What references stand for, as long as it comes to something that can be handed on."""

    def __init__(self, plain: Mapping[str, Any]) -> None:
        self._plain = plain
        self._sizes: dict[str, int] = {}
        self._left = LARGEST_FILLED

    def look_up(self, match: re.Match[str]) -> Any:
        found = _look_up(match, self._plain)
        if match[0] not in self._sizes:
            self._sizes[match[0]] = len(json.dumps(found))
        self._left -= self._sizes[match[0]]
        if self._left < 0:
            raise errors.InvalidInput(
                f"input: more than {LARGEST_FILLED:,} bytes with all references filled in; put more into artifacts",
                field="input",
            )
        return found


def _fill(value: Any, results: _Results) -> Any:
    if isinstance(value, dict):
        return {key: _fill(item, results) for key, item in value.items()}
    if isinstance(value, list):
        return [_fill(item, results) for item in value]
    if not isinstance(value, str) or MARK not in value:
        return value
    whole = _REFERENCE.fullmatch(value)
    if whole:
        return results.look_up(whole)
    return _REFERENCE.sub(lambda match: str(results.look_up(match)), value)


def _look_up(match: re.Match[str], results: Mapping[str, Any]) -> Any:
    if match[1] not in results:
        raise _unresolved(match)
    found: Any = results[match[1]]
    for part in match[2].split(".")[1:]:
        if isinstance(found, list) and part.isdigit() and int(part) < len(found):
            found = found[int(part)]
        elif isinstance(found, dict) and part in found:
            found = found[part]
        else:
            raise _unresolved(match)
    return found


def _unresolved(match: re.Match[str]) -> errors.InvalidInput:
    return errors.InvalidInput(
        f"{match[0]}: the result of {match[1]!r} has no such value", field="input", reason="UNRESOLVED_INPUT"
    )
