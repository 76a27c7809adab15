#!/usr/bin/env bash
# Makes .venv-musicgen for tests/musicgen: torch and transformers on top of everything that .venv has, which it looks into
# instead of holding it a second time. Needs `scripts/setup.sh dev` first, the package index, and about 6 GB.
set -euo pipefail
cd "$(dirname "$0")/.."

environment=.venv-musicgen
wanted=$(sed -nE '/^musicgen = \[/,/^\]/ s/^ *"([^"]+)",?$/\1/p' pyproject.toml)
[ -n "$wanted" ] || { echo "setup-musicgen: no extra called musicgen in pyproject.toml" >&2 && exit 1; }
same() { [ "$(cat "$environment/.installed" 2>/dev/null)" = "$(cat requirements-dev.lock; echo "$wanted")" ]; }

if ! same; then
    echo "setup-musicgen: making $environment with" $wanted
    .venv/bin/python -m venv --clear "$environment"
    # As a site directory, not as a path: .venv itself holds a link to this checkout.
    packages=$(.venv/bin/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')
    own=$("$environment/bin/python" -c 'import sysconfig; print(sysconfig.get_path("purelib"))')
    echo "import site; site.addsitedir('$packages')" >"$own/tutti.pth"
    # The lock as constraints: what .venv has already must stay as it is. Hashes are for what is in the lock only.
    constraints=$(mktemp)
    trap 'rm -f "$constraints"' EXIT
    sed -nE 's/^([A-Za-z0-9._-]+(\[[^]]*\])?==[^ ;]+).*/\1/p' requirements-dev.lock | sed -E 's/\[[^]]*\]//' >"$constraints"
    "$environment/bin/python" -m pip --disable-pip-version-check --quiet install --progress-bar off \
        -c "$constraints" $wanted
    { cat requirements-dev.lock; echo "$wanted"; } >"$environment/.installed"
fi
