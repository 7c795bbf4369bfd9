#!/bin/sh
# Resolves pyproject.toml into requirements.lock. --check: only says whether that would change anything.
# What is locked stays as it is where pyproject.toml still allows it; --upgrade takes the newest of everything.
set -eu
cd "$(dirname "$0")/.."

resolve() {
    output=$1
    shift
    .venv/bin/uv pip compile --quiet pyproject.toml --extra local --extra operator --group dev \
        --universal --python-version 3.11 \
        --generate-hashes --no-header --no-emit-index-url --output-file "$output" "$@"
}

if [ "${1:-}" != --check ]; then
    resolve requirements.lock "$@"
    exit
fi
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cp requirements.lock "$folder/requirements.lock"
resolve "$folder/requirements.lock"
if ! diff -u requirements.lock "$folder/requirements.lock" >"$folder/difference"; then
    head -n 40 "$folder/difference"
    echo "requirements.lock does not fit pyproject.toml: run make lock" >&2
    exit 1
fi
