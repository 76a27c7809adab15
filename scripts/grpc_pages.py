"""Pages about the gRPC interface: one for each file in protos/, from its own comments."""

import re
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from google.protobuf import descriptor_pb2
from google.protobuf.descriptor_pb2 import DescriptorProto, EnumDescriptorProto, FieldDescriptorProto
from google.protobuf.descriptor_pb2 import FileDescriptorProto as File
from grpc_tools import protoc

PACKAGE = ".tutti.v1."
#: Positions in a descriptor, by which its comments are found.
MESSAGES, ENUMS, SERVICES = 4, 5, 6
FIELDS, NESTED = 2, 3
SCALARS = {
    number: name.removeprefix("TYPE_").lower() for name, number in FieldDescriptorProto.Type.items() if number != 0
}
#: A status code with what it means, set in from the text above it.
STATUS = re.compile(r"^ {2,}([A-Z_]+(?: \([A-Z_]+\))?): (.*)$")


@dataclass(frozen=True, kw_only=True)
class Schema:
    files: tuple[File, ...]
    #: Full name of each type → the page it is on.
    pages: dict[str, str]
    #: Full names of the entries that maps are made of.
    entries: dict[str, DescriptorProto]


def compiled(protos: Path) -> Schema:
    sources = sorted(path.relative_to(protos).as_posix() for path in protos.rglob("*.proto"))
    with tempfile.TemporaryDirectory() as directory:
        out = Path(directory) / "set.bin"
        # What protoc itself would find beside its program: the well-known types.
        standard = Path(str(protoc.__file__)).parent / "_proto"
        options = [f"-I{protos}", f"-I{standard}", "--include_source_info", f"--descriptor_set_out={out}"]
        if protoc.main(["protoc", *options, *sources]) != 0:
            raise SystemExit("the protos do not compile")
        files = tuple(descriptor_pb2.FileDescriptorSet.FromString(out.read_bytes()).file)
    pages, entries = {}, {}
    for file in files:
        for name, message in _all_messages(file.message_type):
            pages[f"{PACKAGE}{name}"] = page_name(file)
            if message.options.map_entry:
                entries[f"{PACKAGE}{name}"] = message
        for enum in file.enum_type:
            pages[f"{PACKAGE}{enum.name}"] = page_name(file)
    return Schema(files=files, pages=pages, entries=entries)


def page_name(file: File) -> str:
    return Path(file.name).with_suffix(".md").name


def _all_messages(messages: Iterable[DescriptorProto], prefix: str = "") -> Iterator[tuple[str, DescriptorProto]]:
    for message in messages:
        yield f"{prefix}{message.name}", message
        yield from _all_messages(message.nested_type, f"{prefix}{message.name}.")


def page(file: File, schema: Schema) -> str:
    comments = {
        tuple(location.path): location.leading_comments for location in file.source_code_info.location if location.path
    }
    lines = [f"# {file.name}", "", f"Package `{file.package}`. [All pages](README.md)", ""]
    for number, service in enumerate(file.service):
        path: tuple[int, ...] = (SERVICES, number)
        lines += [f"## {service.name}", "", *prose(comments.get(path, "")), ""]
        for index, method in enumerate(service.method):
            answer = _reference(method.output_type, schema, file)
            stream = "a stream of " if method.server_streaming else ""
            lines += [f"### {method.name}", "", *prose(comments.get((*path, 2, index), "")), ""]
            lines += [f"Takes {_reference(method.input_type, schema, file)}, answers {stream}{answer}.", ""]
    for index, message in enumerate(file.message_type):
        lines += _message(message, message.name, (MESSAGES, index), comments, schema, file)
    for index, enum in enumerate(file.enum_type):
        lines += _enum(enum, (ENUMS, index), comments)
    return "\n".join(lines).rstrip() + "\n"


def _message(
    message: DescriptorProto,
    name: str,
    path: tuple[int, ...],
    comments: dict[tuple[int, ...], str],
    schema: Schema,
    file: File,
) -> list[str]:
    if message.options.map_entry:
        return []
    lines = [f"## {name}", "", *prose(comments.get(path, "")), ""]
    if message.field:
        lines += ["| field | type | meaning |", "|---|---|---|"]
    for index, field in enumerate(message.field):
        meaning = _one_line(comments.get((*path, FIELDS, index), ""))
        if field.HasField("oneof_index"):
            meaning = f"One of `{message.oneof_decl[field.oneof_index].name}`. {meaning}"
        lines.append(f"| `{field.name}` | {_type(field, schema, file)} | {meaning} |")
    lines += [""] if message.field else ["No fields.", ""]
    for index, nested in enumerate(message.nested_type):
        lines += _message(nested, f"{name}.{nested.name}", (*path, NESTED, index), comments, schema, file)
    return lines


def _enum(enum: EnumDescriptorProto, path: tuple[int, ...], comments: dict[tuple[int, ...], str]) -> list[str]:
    lines = [f"## {enum.name}", "", *prose(comments.get(path, "")), "", "| value | number | meaning |", "|---|---|---|"]
    for index, value in enumerate(enum.value):
        meaning = _one_line(comments.get((*path, FIELDS, index), ""))
        lines.append(f"| `{value.name}` | {value.number} | {meaning} |")
    return [*lines, ""]


def _type(field: FieldDescriptorProto, schema: Schema, file: File) -> str:
    if entry := schema.entries.get(field.type_name):
        key, value = entry.field
        return f"map of {_type(key, schema, file)} to {_type(value, schema, file)}"
    name = _reference(field.type_name, schema, file) if field.type_name else SCALARS[field.type]
    return f"list of {name}" if field.label == FieldDescriptorProto.LABEL_REPEATED else name


def _reference(full_name: str, schema: Schema, file: File) -> str:
    if full_name not in schema.pages:
        return f"`{full_name.removeprefix('.')}`"
    name, where = full_name.removeprefix(PACKAGE), schema.pages[full_name]
    anchor = name.lower().replace(".", "")
    return f"[{name}]({'' if where == page_name(file) else where}#{anchor})"


def prose(comment: str) -> list[str]:
    """A comment as Markdown: its paragraphs as they are, its status codes as a list."""
    lines: list[str] = []
    in_list = False
    for line in comment.rstrip("\n").split("\n"):
        text = line.removeprefix(" ")
        if found := STATUS.match(text):
            if lines and lines[-1] and not in_list:
                lines.append("")
            lines.append(f"- `{found[1]}`: {found[2]}")
            in_list = True
        else:
            lines.append(f"  {text.strip()}" if in_list and text.strip() else text.rstrip())
            in_list = in_list and bool(text.strip())
    return lines


def _one_line(comment: str) -> str:
    return " ".join(comment.split()).replace("|", "\\|")
