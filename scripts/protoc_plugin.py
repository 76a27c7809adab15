"""Lets `buf generate` do what `make proto` does: a protoc plugin around a generator that grpcio-tools has built in
(`python` or `grpc_python`), which buf cannot call by itself.
"""

import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from google.protobuf import descriptor_pb2
from google.protobuf.compiler import plugin_pb2
from grpc_tools import protoc


def generate(request: plugin_pb2.CodeGeneratorRequest, generator: str, directory: Path) -> Iterator[Path]:
    files = directory / "files.bin"
    for file in request.proto_file:
        for message in file.message_type:
            _forget_json_names(message)
    files.write_bytes(descriptor_pb2.FileDescriptorSet(file=request.proto_file).SerializeToString())
    out = directory / "out"
    out.mkdir()
    arguments = [f"--descriptor_set_in={files}", f"--{generator}_out={out}", *request.file_to_generate]
    if protoc.main(["protoc", *arguments]) != 0:
        raise SystemExit(f"the generator {generator} of grpcio-tools failed; its message stands above")
    yield from sorted(path for path in out.rglob("*") if path.is_file())


def _forget_json_names(message: descriptor_pb2.DescriptorProto) -> None:
    # buf spells out the names that follow from the fields' own; protoc leaves them out, and the stubs would differ.
    for field in message.field:
        field.ClearField("json_name")
    for nested in message.nested_type:
        _forget_json_names(nested)


def main() -> None:
    request = plugin_pb2.CodeGeneratorRequest.FromString(sys.stdin.buffer.read())
    response = plugin_pb2.CodeGeneratorResponse(
        supported_features=plugin_pb2.CodeGeneratorResponse.FEATURE_PROTO3_OPTIONAL
    )
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        for path in generate(request, sys.argv[1], directory):
            relative = path.relative_to(directory / "out").as_posix()
            response.file.add(name=relative, content=path.read_text(encoding="utf-8"))
    sys.stdout.buffer.write(response.SerializeToString())


if __name__ == "__main__":
    main()
