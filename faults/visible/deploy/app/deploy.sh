#!/bin/bash
# Releases the head of the handbook: deploy.sh DAY
day=$1
. conf/deploy.conf
log=var/deploy.log

say() {
  printf '%s %s\n' "$(date +%FT%T)" "$*" >> "$log"
}

give_up() {
  say "given up: $2"
  echo "deploy: $2" >&2
  exit "$1"
}

exec 9> var/deploy.lock
flock -w 6 9 || give_up 75 "another release is running"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

git clone --quiet --no-hardlinks --branch "$BRANCH" origin.git "$work/tree" || give_up 3 "no source"
revision=$(git -C "$work/tree" rev-parse --short HEAD)
say "release $revision"
make -s -C "$work/tree" -j"$JOBS" all || give_up 4 "not built"

target=releases/$day-$revision
mkdir -p "$target" || give_up 5 "no room for the release"
cp -r "$work"/tree/build/. "$target"/ || give_up 5 "not installed"
[ -x conf/post-install ] && conf/post-install "$target"

for step in "$work"/tree/sql/*.sql; do
  sqlite3 -cmd '.timeout 4000' var/site.db < "$step" > /dev/null || give_up 6 "not migrated"
done
ln -sfn "$target" "releases/.next" && mv -T "releases/.next" current || give_up 7 "not switched"
curl -sS -f -m 8 "$HEALTH?release=$revision" -o var/health.json || say "not healthy"

ls -d releases/2* | head -n "-$KEEP" | while read -r old; do
  rm -rf "$old"
done
du -sk releases | cut -f1 > var/size
printf 'Subject: release %s of %s\n\n%s pages\n' "$revision" "$day" "$(ls current/ | wc -l)" > "$SPOOL/release-$day.eml"
say "done"
