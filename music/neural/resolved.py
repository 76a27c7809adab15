"""What a plan has settled, read with care: a plan may have been written by anybody, and `resolved` is not checked."""

from typing import Any

from music import fields
from music.plan import Plan


def value_of(plan: Plan, name: str, usual: Any) -> Any:
    return fields.mapping(plan.resolved.get(name, {}), f"plan.resolved.{name}").get("value", usual)


def path_of(name: str) -> str:
    return f"plan.resolved.{name}.value"
