"""What the mesh can run: the kinds that workers have registered, and whether an input fits them."""

import json
import logging
from collections.abc import Iterable, Mapping
from typing import Any

import jsonschema_rs

from services.orchestrator.caching import Rule
from tutti import errors
from tutti.v1 import scheduler_pb2

log = logging.getLogger(__name__)

#: Longest part of a message that comes from a library, in characters.
LONGEST_MESSAGE = 300


class Kinds:
    """Kinds by name, each with its compiled input schema. Replaced as a whole when the fleet's kinds change."""

    def __init__(self, known: Iterable[scheduler_pb2.KindInfo] = ()) -> None:
        self._validators: dict[str, jsonschema_rs.Validator | None] = {}
        self._rules: dict[str, Rule] = {}
        for info in known:
            if info.cache_version:
                self._rules[info.kind] = Rule(info.cache_version, tuple(info.cache_needs))
            try:
                self._validators[info.kind] = _validator(info.input_schema)
            except ValueError as error:
                # One worker's mistake must not close the door on all other kinds.
                log.error("a kind cannot be served", extra={"kind": info.kind, "error": shortened(str(error))})

    def __contains__(self, kind: str) -> bool:
        return kind in self._validators

    def cache_rule(self, kind: str) -> Rule | None:
        """When results of a kind may stand for each other; None: never."""
        return self._rules.get(kind)

    def accepts_anything(self, kind: str) -> bool:
        return self._validators.get(kind) is None

    def check(self, kind: str, values: Mapping[str, Any]) -> None:
        """Raise InvalidInput, naming the field, unless the input fits the kind's schema."""
        check_schema(self._validators.get(kind), values, where="input")

    def require(self, kind: str) -> None:
        if kind in self._validators:
            return
        shown = kind if len(kind) <= 64 else f"{kind[:61]}..."
        names = ", ".join(sorted(self._validators)) or "none yet: no worker has registered"
        raise errors.InvalidInput(
            f"kind: no worker serves {shown!r}; known kinds: {names}", field="kind", reason="UNKNOWN_KIND"
        )


def check_schema(validator: jsonschema_rs.Validator | None, values: Mapping[str, Any], *, where: str) -> None:
    if validator is None:
        return
    error = next(validator.iter_errors(values), None)
    if error is not None:
        field = ".".join((where, *(str(part) for part in error.instance_path)))
        raise errors.InvalidInput(f"{field}: {shortened(error.message)}", field=field)


def shortened(text: str) -> str:
    """Libraries repeat what they were given, however long it is."""
    return (
        text if len(text) <= LONGEST_MESSAGE else f"{text[: LONGEST_MESSAGE // 2]} ... {text[-LONGEST_MESSAGE // 2 :]}"
    )


def _validator(schema: str) -> jsonschema_rs.Validator | None:
    # A ValidationError is a ValueError, and so is what is wrong with JSON.
    return jsonschema_rs.validator_for(json.loads(schema)) if schema else None
