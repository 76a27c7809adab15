"""Plans as tasks are given them: read from JSON, with errors that name the field."""

from collections.abc import Mapping
from typing import Any

from music.errors import RequestError
from music.plan import Plan, plan_from_dict
from tutti.errors import InvalidInput


def read_plan(source: Mapping[str, Any]) -> Plan:
    try:
        return plan_from_dict(source)
    except RequestError as error:
        raise InvalidInput(error.message, field=f"plan.{error.field}") from error
