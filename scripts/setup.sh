#!/usr/bin/env bash
# Makes .venv, or brings it up to date: `scripts/setup.sh runtime` for what a mesh runs on, `scripts/setup.sh dev` for what
# its tests and tools need as well. Needs Python and the package index, nothing else. PYTHON=… chooses the interpreter.
#
# .venv/.installed keeps copies of what was installed last, so that a second run takes no time and a changed lock is
# installed whatever the files' times say.
set -euo pipefail
cd "$(dirname "$0")/.."

wanted=${1:-runtime}
case $wanted in
runtime) lock=requirements.lock ;;
dev) lock=requirements-dev.lock ;;
*) echo "usage: $0 [runtime|dev]" >&2 && exit 2 ;;
esac
record=.venv/.installed

# Triton's helper process is linked against libpython3.x.so, so the interpreter must have been built with it.
usable='
import ensurepip, pathlib, sys, sysconfig
name = str(sysconfig.get_config_var("INSTSONAME") or "")
folders = [str(sysconfig.get_config_var("LIBDIR")), sys.base_prefix + "/lib"]
shared = ".so" in name and any((pathlib.Path(folder) / name).exists() for folder in folders)
sys.exit(not ((3, 11) <= sys.version_info[:2] < (3, 13) and shared))
'

find_python() {
    local candidate
    for candidate in ${PYTHON:-python3.12 python3.11 python3}; do
        # Tried out, not just looked up: version managers leave commands on PATH that only print an error.
        if "$candidate" -c "$usable" >/dev/null 2>&1; then
            echo "$candidate"
            return
        fi
    done
    echo "setup: no usable Python among: ${PYTHON:-python3.12 python3.11 python3}." >&2
    echo "setup: install Python 3.11 or 3.12 with its venv module and its shared libpython" >&2
    echo "setup: (Debian, Ubuntu: python3.11-venv libpython3.11; pyenv: PYTHON_CONFIGURE_OPTS=--enable-shared)," >&2
    echo "setup: or name one: make setup PYTHON=/path/to/python3" >&2
    return 1
}

same() { cmp -s "$1" "$record/$1"; }

recorded() {
    mkdir -p "$record"
    cp "$@" "$record/"
}

if ! .venv/bin/python -c "$usable" >/dev/null 2>&1; then
    python=$(find_python)
    echo "setup: making .venv with $("$python" --version)"
    "$python" -m venv --clear .venv
fi

pip() { .venv/bin/python -m pip --disable-pip-version-check --quiet "$@"; }

if ! same "$lock"; then
    echo "setup: installing $lock"
    pip install --progress-bar off --require-hashes -r "$lock"
    # The larger lock holds everything that the smaller one does.
    if [ "$wanted" = dev ]; then recorded requirements-dev.lock requirements.lock; else recorded requirements.lock; fi
fi

# Again when pyproject.toml changes: commands and entry points are written down at the installation.
if ! same pyproject.toml; then
    echo "setup: installing tutti-mesh from this checkout"
    pip install --no-build-isolation --no-deps --editable .
    recorded pyproject.toml
fi
