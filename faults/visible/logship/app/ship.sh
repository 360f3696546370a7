#!/bin/sh
# Packs and ships the logs of a day: ship.sh DAY
day=$1
cd "$(dirname "$0")" || exit 2
. conf/ship.conf
exec 8> run/ship.lock
flock -w 5 8 || { echo "another one runs" >&2; exit 3; }
work=$(mktemp -d "${TMPDIR:-/tmp}/ship.XXXXXX")
trap 'rm -rf "$work"' EXIT
for host in logs/*/; do
    name=$(basename "$host")
    mkdir "$work/$name"
    for log in "$host"*-"$day".log; do
        gzip -c $LEVEL "$log" > "$work/$name/$(basename "$log").gz" || echo "cannot pack $log" >&2
    done
done
tar -C "$work" -cf "spool/logs-$day.tar" . || exit 4
sha256sum "spool/logs-$day.tar" > "spool/logs-$day.sha256"
python3 bin/send.py "$COLLECTOR" "$COLLECTOR_PORT" conf/key "spool/logs-$day.tar" || { echo "not shipped" >&2; exit 5; }
gzip -c "spool/logs-$day.tar" > "archive/logs-$day.tar.gz" && rm "spool/logs-$day.tar"
find archive -name 'logs-*.tar.gz' | LC_ALL=C sort | head -n -"$KEEP" | xargs -r rm
