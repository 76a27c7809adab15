"""JSON objects to `google.protobuf.Struct` and back, without loss or a refusal.

The library's own conversion accepts what cannot arrive: a number with more digits than a double keeps, which would be
changed in silence, and a nesting that the receiver's parser refuses, together with all that was sent along with it.
"""

from collections.abc import Mapping
from typing import Any

from google.protobuf import struct_pb2

from tutti import errors

#: Every level of JSON costs three of the hundred that protobuf parses, and messages wrap the whole in a dozen more.
MAX_DEPTH = 20
#: The largest whole number up to which a double tells each from the next.
MAX_WHOLE = 2**53


def fill(struct: struct_pb2.Struct, values: Mapping[str, Any], *, field: str) -> None:
    """Write parsed JSON into an empty Struct. `field` is where it stands in the request."""
    _fill_struct(struct, values, field, MAX_DEPTH)


def plain(struct: struct_pb2.Struct) -> dict[str, Any]:
    return {key: _plain_value(value) for key, value in struct.fields.items()}


def _fill_struct(struct: struct_pb2.Struct, values: Mapping[str, Any], field: str, depth: int) -> None:
    if not depth:
        raise errors.InvalidInput(f"{field} is nested deeper than {MAX_DEPTH} levels; flatten it.", field=field)
    fields = struct.fields
    for key, value in values.items():
        _fill_value(fields[key], value, f"{field}.{key}", depth)


def _fill_list(target: struct_pb2.ListValue, values: list[Any], field: str, depth: int) -> None:
    if not depth:
        raise errors.InvalidInput(f"{field} is nested deeper than {MAX_DEPTH} levels; flatten it.", field=field)
    for index, value in enumerate(values):
        _fill_value(target.values.add(), value, f"{field}[{index}]", depth)


def _fill_value(target: struct_pb2.Value, value: Any, field: str, depth: int) -> None:
    match value:
        case str():
            target.string_value = value
        # Before int, of which bool is a kind.
        case bool():
            target.bool_value = value
        case int() if abs(value) > MAX_WHOLE:
            raise errors.InvalidInput(
                f"{field} has more digits than JSON numbers keep on their way; send at most 2^53.", field=field
            )
        case int() | float():
            target.number_value = value
        case None:
            target.null_value = struct_pb2.NULL_VALUE
        case dict():
            target.struct_value.SetInParent()
            _fill_struct(target.struct_value, value, field, depth - 1)
        case list():
            target.list_value.SetInParent()
            _fill_list(target.list_value, value, field, depth - 1)
        case _:
            raise AssertionError(f"JSON holds no {type(value).__name__}")


def _plain_value(value: struct_pb2.Value) -> Any:
    match value.WhichOneof("kind"):
        case "string_value":
            return value.string_value
        case "number_value":
            number = value.number_value
            return int(number) if number.is_integer() and abs(number) <= MAX_WHOLE else number
        case "bool_value":
            return value.bool_value
        case "struct_value":
            return plain(value.struct_value)
        case "list_value":
            return [_plain_value(item) for item in value.list_value.values]
        case _:
            return None
