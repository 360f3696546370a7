#!/bin/sh
# Sales by region: report.sh DAY MINIMUM
day=$1
min=$2
cd "$(dirname "$0")" || exit 2
t=$(mktemp -d)
trap 'rm -rf "$t"' EXIT
exec 2> "out/report-$day.err"
sort -k1,1 ${SORT_OPTIONS-} "data/sales-$day.tsv" > "$t/sales"
join "$t/sales" dim/shops.tsv > "$t/regions"
sort -k2,2 "$t/regions" | join -1 2 -2 1 - dim/prices.tsv > "$t/priced"
awk -f totals.awk -v min="$min" "$t/priced" > "$t/totals"
sort -t, -k2 -rn "$t/totals" > "out/report-$day.csv"
cut -f1 "data/returns-$day.tsv" | sort | uniq -c | sort -rn | head -n 5 > "out/returns-$day.txt"
[ ! -e extra.sh ] || . ./extra.sh
wc -l < "out/report-$day.csv"
[ -s "out/report-$day.csv" ] || exit 7
paste -d' ' "out/report-$day.csv" "out/returns-$day.txt" | head -n 3 > "out/summary-$day.txt"
