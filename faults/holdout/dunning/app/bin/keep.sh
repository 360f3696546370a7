#!/bin/sh
# Packs copies of the day's letters, and forgets those before the last ten packs: keep.sh DAY
set -e
umask 027
list=$(mktemp)
find spool -name '*.eml' | sort > "$list"
tar -cf - -T "$list" | xz -6 > "kept/letters-$1.tar.xz"
xargs -a "$list" rm -f
rm "$list"
ls kept | sort -r | tail -n +11 | while read -r old; do rm "kept/$old"; done
