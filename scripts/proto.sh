#!/usr/bin/env bash
# Generates the stubs and their type hints into DIR (default: tutti/v1). Never edit what comes out.
set -euo pipefail
cd "$(dirname "$0")/.."
out=${1:-.}
PATH="$PWD/.venv/bin:$PATH"
python -m grpc_tools.protoc -Iprotos \
    --python_out="$out" --grpc_python_out="$out" \
    --mypy_out=quiet,relax_strict_optional_primitives:"$out" --mypy_grpc_out=quiet,only_async:"$out" \
    protos/tutti/v1/*.proto
