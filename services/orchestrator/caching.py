"""What makes two tasks equal, and whose result may stand for another's. Pure.

A task's digest is taken over its kind, the kind's version and its input with all references filled in. An object that
describes an artifact counts without its key: the same file, made by another job, is the same input. Its name and type
count, for a handler sees them. What decides only where and when a task runs does not: priority, resources,
labels, retries, timeouts.
"""

import hashlib
import json
import re
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

from google.protobuf import struct_pb2

from tutti import structs
from tutti.v1 import artifact_pb2

#: What an object holds that describes an artifact, as results and inputs do.
_DESCRIPTION = frozenset({"name", "type", "size", "sha256", "key"})
_SHA256 = re.compile(r"[0-9a-f]{64}", re.ASCII)


class Rule(NamedTuple):
    """What a kind says of its results."""

    #: Equal inputs give equal results under this version.
    version: str
    #: Paths of values that the input must hold for that.
    needs: tuple[str, ...] = ()


def digest(kind: str, rule: Rule, input: struct_pb2.Struct) -> str:
    """Lower-case hexadecimal; empty where the input lacks what equal results would take."""
    plain = structs.to_dict(input)
    if not all(_holds(plain, path.split(".")) for path in rule.needs):
        return ""
    # A list, so that no kind and version can be written as another kind and version.
    text = json.dumps([kind, rule.version, _content(plain)], sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return hashlib.sha256(text.encode()).hexdigest()


def is_self_contained(result: struct_pb2.Struct, artifacts: Iterable[artifact_pb2.Artifact]) -> bool:
    """Whether a result names no artifact but those that its own task stored: no job may read others' files because a
    handler has repeated what it was given."""
    own = {artifact.key for artifact in artifacts}
    return all(described["key"] in own for described in _described(structs.to_dict(result)))


def _holds(value: Any, path: list[str]) -> bool:
    for part in path:
        if not isinstance(value, dict) or value.get(part) is None:
            return False
        value = value[part]
    return True


def _content(value: Any) -> Any:
    if isinstance(value, list):
        return [_content(item) for item in value]
    if not isinstance(value, dict):
        return value
    named = _is_description(value) and _SHA256.fullmatch(str(value["sha256"])) is not None
    return {name: _content(item) for name, item in value.items() if not (named and name == "key")}


def _described(value: Any) -> Iterator[dict[str, Any]]:
    if isinstance(value, dict) and _is_description(value):
        yield value
    if isinstance(value, dict | list):
        for item in value.values() if isinstance(value, dict) else value:
            yield from _described(item)


def _is_description(value: dict[str, Any]) -> bool:
    return value.keys() >= _DESCRIPTION
