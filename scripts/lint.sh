#!/usr/bin/env bash
# Every check that needs no server. All of them run, whatever the earlier ones found; fails when any did.
set -uo pipefail
cd "$(dirname "$0")/.."

BUF=@bufbuild/buf@1.75.0
export PATH="$PWD/.venv/bin:$PATH"
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
failed=()

check() {
    local name=$1 begun=$SECONDS
    shift
    if "$@"; then
        echo "lint: $name: good ($((SECONDS - begun)) s)"
    else
        echo "lint: $name: FAILED"
        failed+=("$name")
    fi
}

buf() { npx --yes "$BUF" "$@"; }

stubs_are_fresh() {
    mkdir "$scratch/proto"
    scripts/proto.sh "$scratch/proto" && same_stubs "$scratch/proto" "make proto"
}

buf_makes_the_same() {
    buf generate --output "$scratch/buf" && same_stubs "$scratch/buf" "buf.gen.yaml and scripts/proto.sh must agree"
}

same_stubs() {
    diff --recursive --brief --exclude=__init__.py --exclude=__pycache__ "$1/tutti/v1" tutti/v1 && return
    echo "tutti/v1 is not what the protos make: $2"
    return 1
}

docs_are_fresh() {
    python scripts/config_docs.py --check && python scripts/openapi.py --check && python scripts/api_docs.py --check
}

types() {
    check "mypy" mypy
    check "mypy scripts" mypy scripts
    printf '%s\n' ${failed[@]+"${failed[@]}"} >"$scratch/failed"
}

# As long as all others together: beside them, and shown after them.
types >"$scratch/types" 2>&1 &
types=$!
check "ruff check" ruff check
check "ruff format" ruff format --check
check "imports" python -m pytest -q --no-header tests/unit/test_imports.py
check "stubs" stubs_are_fresh
check "docs" docs_are_fresh
if ! command -v npm >/dev/null; then
    echo "lint: buf: left out, because npm is not installed"
elif ! buf --version >/dev/null 2>&1; then
    echo "lint: buf: left out, because npx cannot fetch $BUF"
else
    check "buf lint" buf lint
    check "buf generate" buf_makes_the_same
fi

wait "$types" || failed+=("types")
cat "$scratch/types"
while read -r name; do [ -z "$name" ] || failed+=("$name"); done <"$scratch/failed"

if [ ${#failed[@]} -gt 0 ]; then
    echo "lint: failed: $(printf '%s, ' "${failed[@]}" | sed 's/, $//')"
    exit 1
fi
echo "lint: all good"
