"""The page about the REST interface, from the gateway's OpenAPI description."""

from collections.abc import Iterator, Mapping
from typing import Any

Described = Mapping[str, Any]


def page(description: Described) -> str:
    lines = ["# REST", "", description["info"]["description"], ""]
    lines += ["The same as OpenAPI: [openapi.json](../openapi.json). [All pages](README.md)", ""]
    for path, operations in description["paths"].items():
        for method, operation in operations.items():
            lines += _operation(f"{method.upper()} {path}", operation)
    lines += ["# Shapes", ""]
    for name, schema in sorted(description["components"]["schemas"].items()):
        lines += _shape(name, schema)
    return "\n".join(lines).rstrip() + "\n"


def _operation(title: str, operation: Described) -> Iterator[str]:
    yield from (f"## {title}", "", operation.get("description", "").strip(), "")
    if parameters := operation.get("parameters"):
        yield from ("| parameter | in | type | meaning |", "|---|---|---|---|")
        for parameter in parameters:
            required = " (required)" if parameter.get("required") else ""
            kind, meaning = _type(parameter["schema"]), _one_line(parameter.get("description", ""))
            yield f"| `{parameter['name']}` | {parameter['in']}{required} | {kind} | {meaning} |"
        yield ""
    if body := operation.get("requestBody"):
        kinds = [f"{_type(content['schema'])} (`{media}`)" for media, content in body["content"].items()]
        yield from (f"Body: {' or '.join(kinds)}.", "")
    yield from ("| answer | body | meaning |", "|---|---|---|")
    for status, response in operation["responses"].items():
        contents = response.get("content", {})
        kinds = [f"{_type(content.get('schema', {}))} (`{media}`)" for media, content in contents.items()]
        yield f"| {status} | {' or '.join(kinds)} | {_meaning(response['description'])} |"
    yield ""


def _meaning(text: str) -> str:
    # What the framework says where nobody said anything.
    return "" if text == "Successful Response" else _one_line(text)


def _shape(name: str, schema: Described) -> Iterator[str]:
    yield from (f"## {name}", "")
    if described := schema.get("description"):
        yield from (described.strip(), "")
    required = schema.get("required", [])
    yield from ("| field | type | meaning |", "|---|---|---|")
    for field, inner in schema.get("properties", {}).items():
        notes = ["Required."] if field in required and "Submission" in name else []
        notes += [_one_line(inner["description"])] if "description" in inner else []
        yield f"| `{field}` | {_type(inner)} | {' '.join(notes)} |"
    yield ""


def _type(schema: Described) -> str:
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        return f"[{name}](#{name.lower()})"
    if choices := schema.get("anyOf") or schema.get("oneOf"):
        return " or ".join(_type(choice) for choice in choices)
    if "const" in schema:
        return f"`{schema['const']}`"
    if "enum" in schema:
        return ", ".join(f"`{value}`" for value in schema["enum"])
    if schema.get("type") == "array":
        return f"list of {_type(schema.get('items', {}))}"
    if isinstance(values := schema.get("additionalProperties"), dict):
        return f"map of string to {_type(values)}"
    return str(schema.get("type", "anything")) + _limits(schema)


def _limits(schema: Described) -> str:
    words = {
        "minimum": "at least",
        "exclusiveMinimum": "more than",
        "maximum": "at most",
        "minLength": "length at least",
        "maxLength": "length at most",
    }
    found = [f"{word} {schema[key]:g}" for key, word in words.items() if key in schema]
    return f", {', '.join(found)}" if found else ""


def _one_line(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")
