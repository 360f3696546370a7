#!/bin/sh
# Fetches one package into the pool: fetch.sh PATH SHA256
part=var/incoming/$(basename "$1").part
curl -fsS -m 10 --retry 2 -o "$part" "$upstream/$1" || exit 1
echo "$2  $part" | sha256sum --quiet -c || exit 1
mkdir -p "$(dirname "$1")"
mv "$part" "$1"
