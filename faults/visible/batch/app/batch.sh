#!/bin/sh
# Works on all items: batch.sh DAY WORKERS
day=$1
ls items/*.dat | xargs -P "$2" -n 1 timeout 3 sh worker.sh "$day" || echo "some items failed" >> results/problems
sort -m results/*.part > "results/all-$day.txt" || exit 1
wc -l < "results/all-$day.txt" > "results/count-$day"
[ ! -e notify.sh ] || sh notify.sh
rm -f results/*.part
