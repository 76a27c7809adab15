#!/usr/bin/env bash
# Pins every dependency with hashes and without an index address: requirements.lock is what the mesh runs on,
# requirements-dev.lock adds what its tests and tools need. Needs `uv` on PATH.
set -euo pipefail
cd "$(dirname "$0")/.."
command -v uv >/dev/null || { echo "lock: uv is not on PATH; get it with: pip install uv" >&2 && exit 1; }
flags=(--universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header --quiet)
uv pip compile pyproject.toml --extra embedded --extra build "${flags[@]}" -o requirements.lock "$@"
uv pip compile pyproject.toml --extra embedded --extra build --extra dev -c requirements.lock "${flags[@]}" -o requirements-dev.lock "$@"
# What the models need in the Python of a Triton that is not ours.
printf 'mido\nnumpy\npillow\nscipy\nsoundfile\nsoxr\n' | uv pip compile - -c requirements.lock "${flags[@]}" --no-annotate -o deploy/triton.lock
