#!/bin/bash
# Fetches, joins, publishes: fetch.sh DAY
day=$1
source conf/fetch.conf
log=out/fetch-$day.log
fetch() {
    local try
    for ((try = 1; try <= TRIES; try++)); do
        if curl -sS --fail --location $OPTIONS -H "X-Token: $(cat token)" -o "parts/$1.part" "$BASE/part/$1" 2>> "$log"; then
            return 0
        fi
        echo "part $1: try $try failed" >> "$log"
        sleep "$WAIT"
    done
    return 1
}
missing=0
while read -r part; do
    fetch "$part" || missing=$((missing + 1))
done < parts.txt
cat parts/*.part > "out/joined-$day.txt" 2>> "$log"
grep -c line "out/joined-$day.txt" > "out/count-$day"
curl -sS --fail -o /dev/null --data-binary "@out/joined-$day.txt" "$BASE/publish" 2>> "$log" || echo "not published" >> "$log"
awk '{ print $2 }' cache/etags | md5sum > "cache/seal-$day"
echo "missing $missing" >> "$log"
exit $((missing > 0))
