#!/bin/sh
# Mirrors a signed package repository: mirror.sh DAY
set -u
day=$1
cd "$(dirname "$0")" || exit 2
PATH=$HOME/bin:$PATH
. conf/mirror.conf
export PATH upstream
exec 2>> "log/mirror-$day.log"
exec 9> var/mirror.lock
flock -w 10 9 || exit 75
new=$(mktemp -d)
trap 'rm -rf "$new"' EXIT

fail() {
    echo "$2" >&2
    exit "$1"
}

index() {
    curl -fsS -m 10 -o "$new/$1" "$upstream/dists/$suite/$1"
}

index Release && index Release.sig || fail 3 "no release file"
openssl pkeyutl -verify -pubin -inkey keys/archive.pem -rawin -in "$new/Release" -sigfile "$new/Release.sig" >&2 ||
    fail 4 "the release file is not signed by the archive"
index Packages.xz || fail 5 "no index"
(cd "$new" && sha256sum --quiet -c Release) >&2 || fail 5 "the index is not what was signed"
xz -dc "$new/Packages.xz" > "$new/Packages" || fail 5 "the index does not unpack"
plan.pl var/have.tsv "$new/Packages" "$new" || fail 6 "no plan"

xargs -P "$fetchers" -n 2 fetch.sh < "$new/fetch" || echo "not all packages came" >&2
xargs -r rm -f < "$new/drop"
sha256sum --quiet -c "$new/sums" >&2 || fail 8 "the pool is not what the index says"
mv "$new/have.tsv" var/have.tsv

mkdir -p "published/$day"
zstd -q -f "$new/Packages" -o "published/$day/Packages.zst"
cp "$new/Release" "$new/Release.sig" "published/$day/"
ln -sfn "$day" published/current
ls -d published/2* | head -n "-$keep" | xargs -r rm -r
echo "$(wc -l < "$new/fetch") fetched, $(wc -l < "$new/drop") dropped"
