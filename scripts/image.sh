#!/bin/sh
# Builds the image: the wheels outside (requirements.lock's, checked by their hashes, and the project's own), then the
# Dockerfile, which takes nothing from the network. IMAGE names the result, BASE_IMAGE what it stands on, REVISION what it
# is made from (git's, where git knows).
set -eu
cd "$(dirname "$0")/.."
bin=.venv/bin
folder=build/image
base=${BASE_IMAGE:-python:3.13-slim-bookworm}
version=$("$bin/python" -c 'import webhookcore; print(webhookcore.__version__)')
image=${IMAGE:-webhook-core:$version}

say() { printf 'image: %s\n' "$*" >&2; }

pip() {
    if "$bin/python" -m pip --version >/dev/null 2>&1; then
        "$bin/python" -m pip "$@"
    else
        "$bin/uv" tool run --python "$bin/python" pip "$@"
    fi
}

# What requirements.lock has for running, without what it has for developing.
requirements() {
    cp requirements.lock "$1"
    "$bin/uv" pip compile --quiet pyproject.toml --extra local --extra operator --universal --python-version 3.11 \
        --generate-hashes --no-header --no-annotate --no-emit-index-url --output-file "$1"
    if grep -e --hash= "$1" | grep -vxFf requirements.lock >&2; then
        say "requirements.lock does not have these hashes: run make lock"
        exit 1
    fi
}

# The wheels have to fit the Python and the machine of the base image, which may be others than these here.
python=$(docker run --rm --entrypoint python3 "$base" -c 'import sys; print("%d.%d" % sys.version_info[:2])')
arch=$(docker version --format '{{.Server.Arch}}' | sed 's/amd64/x86_64/; s/arm64/aarch64/')
mkdir -p "$folder/dependencies" "$folder/project"
if command -v flock >/dev/null; then
    exec 9>"$folder/.lock" # two builds at once would take the wheels from each other
    flock 9
fi
requirements "$folder/requirements.txt"
wanted="Python $python on $arch: $(sha256sum <"$folder/requirements.txt")"
if [ "$(cat "$folder/.made-for" 2>/dev/null)" != "$wanted" ]; then
    say "fetching the wheels for Python $python on $arch"
    rm -rf "$folder/dependencies"
    platforms="--platform manylinux2014_$arch --platform manylinux2010_$arch --platform manylinux1_$arch"
    for minor in $(seq 17 36); do # bookworm's glibc is 2.36
        platforms="$platforms --platform manylinux_2_${minor}_$arch"
    done
    # shellcheck disable=SC2086 # many words on purpose
    pip download --quiet --disable-pip-version-check --no-deps --require-hashes --only-binary :all: \
        --implementation cp --python-version "$python" --abi "cp$(printf %s "$python" | tr -d .)" $platforms \
        --requirement "$folder/requirements.txt" --dest "$folder/dependencies"
    cp "$folder/requirements.txt" "$folder/dependencies/"
    printf %s "$wanted" >"$folder/.made-for"
fi
say "building the project's wheel"
rm -rf "$folder/project"
"$bin/uv" build --quiet --wheel --out-dir "$folder/project" .
rm -f "$folder/project/.gitignore"

say "building $image on $base"
# The engine that Debian has knows no BuildKit.
if ! docker buildx version >/dev/null 2>&1; then
    export DOCKER_BUILDKIT=0
fi
docker build --network=none --tag "$image" --build-arg "BASE_IMAGE=$base" --build-arg "VERSION=$version" \
    --build-arg "REVISION=${REVISION:-$(git rev-parse HEAD 2>/dev/null || echo unknown)}" . >"$folder/build.log" 2>&1 || {
    tail -n 30 "$folder/build.log" >&2
    exit 1
}
say "$image, $(docker image inspect --format '{{.Size}}' "$image" | awk '{printf "%.0f MB", $1 / 1e6}')"
