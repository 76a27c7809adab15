"""Whether an input fits its handler. The door checks inputs too, but one that refers to results is whole only now, and
its parts may come from anywhere: handlers rely on their schema."""

from collections.abc import Mapping
from typing import Any

import jsonschema_rs

from tutti.errors import InvalidInput
from tutti.handlers import Handler

LONGEST_MESSAGE = 300


class Inputs:
    def __init__(self, handlers: Mapping[str, Handler]) -> None:
        self._validators = {
            kind: jsonschema_rs.validator_for(dict(handler.input_schema))
            for kind, handler in handlers.items()
            if handler.input_schema is not None
        }

    def check(self, kind: str, input: Mapping[str, Any]) -> None:
        """Raises InvalidInput, naming the field, for what does not fit."""
        validator = self._validators.get(kind)
        wrong = None if validator is None else next(validator.iter_errors(input), None)
        if wrong is not None:
            field = ".".join(("input", *(str(part) for part in wrong.instance_path)))
            raise InvalidInput(f"{field}: {wrong.message[:LONGEST_MESSAGE]}", field=field)
