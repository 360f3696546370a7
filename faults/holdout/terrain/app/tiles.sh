#!/bin/sh
# Tiles of the changed elevation sheets: tiles.sh DAY
day=$1
cd "$(dirname "$0")" || exit 2
exec 2>> "log/tiles-$day.log"
if [ -s var/tiles.pid ] && read -r pid < var/tiles.pid && [ -d "/proc/$pid" ]; then
    echo "process $pid is still at it" >&2
    exit 3
fi
echo $$ > var/tiles.pid
trap 'rm -f var/tiles.pid' EXIT

awk -F, 'NR > 1 && $2 == "changed" { print $1 }' dem/sheets.csv | sort > var/changed.txt
[ -s var/changed.txt ] || { echo "nothing has changed" >&2; exit 0; }
bin/tiler conf/tiles.conf var/changed.txt > "var/done-$day.txt"
status=$?
[ $status -eq 0 ] || { echo "the tiler ends with $status" >&2; exit 4; }
python3 pack.py out/terrain.mbtiles "var/done-$day.txt" || exit 5
perl purge.pl conf/tiles.conf "var/done-$day.txt" || echo "the cache keeps old tiles" >&2
echo "$(wc -l < "var/done-$day.txt") tiles"
