#!/usr/bin/env bash
# Makes an image of Debian packages alone, without an image registry: os.sh IMAGE FOLDER PACKAGES
# The folder keeps the file system for the next time.
set -euo pipefail
image=$1 folder=$2 packages=$3

if [ ! -d "$folder" ]; then
    rm -rf "$folder.part"
    debootstrap --variant=minbase --include="$packages" bookworm "$folder.part" >"$folder.log" 2>&1 || {
        tail -20 "$folder.log" >&2
        exit 1
    }
    rm -rf "$folder.part"/var/cache/apt/archives/*.deb "$folder.part"/var/lib/apt/lists/* \
        "$folder.part"/usr/share/{doc,man,locale,info}
    mv "$folder.part" "$folder"
fi
tar -C "$folder" -c . | docker import - "$image" >/dev/null
