#!/bin/bash
# Takes in the partner's feed of a day: intake.sh DAY
day=$1
. conf/intake.conf
export MAIN MIRROR CA
bad=0

say() {
  printf '%s[%d] %s\n' "$(date +%T)" $$ "$*" >> "var/intake-$day.log"
}

give_up() {
  say "given up: $2"
  echo "intake: $2" >&2
  exit "$1"
}

exec 8> var/intake.lock
flock -w 5 8 || give_up 75 "another intake is running"
work=$(mktemp -d "$TMPDIR/intake.XXXXXXXX")
trap 'rm -rf "$work"' EXIT

lib/get.sh "$day/index" "$work/index" || give_up 3 "no index"
lib/get.sh "$day/seal" "$work/seal" || give_up 3 "no seal"
perl lib/verify.pl conf/partner.key "$work/index" "$work/seal" || give_up 4 "the seal is not the partner's"

mkdir "$work/parts"
cut -d' ' -f3 "$work/index" | xargs -P "$PARALLEL" -I% lib/get.sh "$day/%" "$work/parts/%" || bad=1
(cd "$work/parts" && sha256sum --check --quiet ../index) >> "var/intake-$day.log" 2>&1 || bad=1
for part in "$work"/parts/*.bz2; do
  bzip2 -dc "$part" || bad=1
done | sort -t, -k1,1 -k2,2 > "$work/all.csv"

join -t, "$work/all.csv" ref/products.csv |
  awk -F, '{ pieces[$4] += $3; value[$4] += $3 * $5 } END { for (k in pieces) printf "%s;%d;%.2f\n", k, pieces[k], value[k] }' |
  sort > "out/stock-$day.csv"
[ -s "out/stock-$day.csv" ] || give_up 6 "nothing in stock"
cut -d, -f1,3 "$work/all.csv" | sort > "$work/now"
comm -3 var/before "$work/now" | wc -l > "out/changed-$day.txt"
cp "$work/now" var/before
tar -cf "archive/feed-$day.tar" -C "$work" index parts || give_up 7 "not kept"
ls archive | sort -r | tail -n "+$((KEEP + 1))" | while read -r old; do
  rm "archive/$old"
done
say "$(wc -l < "$work/all.csv") lines, bad: $bad"
exit $bad
