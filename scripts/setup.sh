#!/bin/sh
# Makes .venv with everything that is needed to run and to test, from requirements.lock. Safe to repeat.
set -eu
cd "$(dirname "$0")/.."
venv=.venv

say() { printf '%s\n' "$*" >&2; }

fail() {
    say "setup: $1"
    exit 1
}

is_new_enough() { "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1; }

find_python() {
    for candidate in ${PYTHON:-} python3.13 python3.12 python3.11 python3.14 python3; do
        if is_new_enough "$candidate"; then
            printf '%s' "$candidate"
            return
        fi
    done
    fail "no Python 3.11 or newer was found. Install one (Debian, Ubuntu: sudo apt-get install python3 python3-venv),
or name it: make setup PYTHON=/path/to/python3"
}

# Debian's python3 cannot make a complete virtual environment without its package python3-venv. What else can give
# it a first installer: uv, or the system's pip, which installs into another environment.
make_venv() {
    python=$1
    "$python" -m venv "$venv" >/dev/null 2>&1 && return
    version=$("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])')
    package="python$version-venv"
    if command -v uv >/dev/null 2>&1 || "$python" -m pip --version >/dev/null 2>&1; then
        "$python" -m venv --clear --without-pip "$venv" && return
    fi
    command -v apt-get >/dev/null 2>&1 || fail "$python has neither venv nor pip. Install its venv module."
    [ "$(id -u)" = 0 ] || fail "$python cannot make virtual environments yet. Type this once, then try again:
    sudo apt-get install -y $package"
    say "setup: installing $package"
    { apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq "$package"; } >/dev/null ||
        fail "$package could not be installed."
    "$python" -m venv --clear "$venv" || fail "$python could not make $venv."
}

install_uv() {
    python=$1
    requirements="--require-hashes -r requirements-uv.lock"
    # shellcheck disable=SC2086 # two words on purpose
    if "$venv/bin/python" -m pip --version >/dev/null 2>&1; then
        "$venv/bin/python" -m pip install --quiet --disable-pip-version-check $requirements
    elif command -v uv >/dev/null 2>&1; then
        uv pip install --quiet --python "$venv/bin/python" $requirements
    else
        "$python" -m pip --python "$venv/bin/python" install --quiet --disable-pip-version-check $requirements
    fi
}

# Scripts in a virtual environment name its folder: one that was copied or moved is made anew.
if ! is_new_enough "$venv/bin/python" || { [ -f "$venv/.ready" ] && [ "$(cat "$venv/.ready")" != "$(pwd -P)" ]; }; then
    python=$(find_python)
    say "setup: making $venv with $("$python" --version)"
    rm -rf "$venv"
    make_venv "$python"
fi
"$venv/bin/uv" --version >/dev/null 2>&1 || install_uv "$("$venv/bin/python" -c 'import sys; print(sys._base_executable)')"

say "setup: installing what requirements.lock names"
"$venv/bin/uv" pip sync --quiet --python "$venv/bin/python" requirements.lock requirements-uv.lock
"$venv/bin/uv" pip install --quiet --python "$venv/bin/python" --no-deps --editable .
pwd -P >"$venv/.ready"
