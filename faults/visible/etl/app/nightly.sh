#!/bin/bash
# Nightly load: nightly.sh DAY
day=$1
cd "$(dirname "$0")" || exit 2
. conf/job.conf
log=var/nightly-$day.log
echo "start $day" > "$log"
python3 bin/ingest.py "$day" in/current/orders.csv >> "$log" 2>&1
status=$?
[ $status = 0 ] || echo "ingest failed: $status" >> "$log"
python3 bin/report.py "$day" out/report-"$day".txt >> "$log" 2>&1 || echo "report failed" >> "$log"
sort -k2 -t';' -rn out/report-"$day".txt > out/sorted-"$day".txt
gzip -"$GZIP_LEVEL" -c out/sorted-"$day".txt > out/report-"$day".txt.gz
[ -x conf/after.sh ] && conf/after.sh
echo "done" >> "$log"
exit $status
