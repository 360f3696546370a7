#!/bin/bash
# Renews the certificates that end soon and brings all to the edges: renew.sh DAY
day=$1
cd "$(dirname "$0")" || exit 2
. conf/renew.conf
export CA CURVE
exec 9> var/renew.lock
flock -w "$LOCK_WAIT" 9 || { echo "another renewal is running"; exit 5; }
[ -e var/renew.off ] && { echo "switched off"; exit 0; }
WORK=$(mktemp -d "${TMPDIR:-/tmp}/renew.XXXXXX") && export WORK || exit 1
trap 'rm -rf "$WORK"' EXIT

bin/due "$WINDOW_DAYS" conf/sites.tsv > "$WORK/due"
status=0
make -s -k -j "$JOBS" -f renew.mk $(sed "s|.*|$WORK/&.bundle|" "$WORK/due") || status=1
renewed=0
while read -r site; do
    [ -s "$WORK/$site.bundle" ] || continue
    install -m 640 "$WORK/$site.key" "live/$site.key.new" && mv "live/$site.key.new" "live/$site.key"
    install -m 644 "$WORK/$site.bundle" "live/$site.pem.new" && mv "live/$site.pem.new" "live/$site.pem"
    renewed=$((renewed + 1))
done < "$WORK/due"

tar -czf "out/edges-$day.tgz" -C live . || status=1
printf '%s\n' $EDGES | xargs -P 2 -n 1 bin/push "out/edges-$day.tgz" "$day" || status=1
curl -sS --fail --unix-socket var/proxy.sock -X POST http://proxy/reload || status=1
bin/inventory live > "out/inventory-$day.json" || status=1
ls -t out/edges-*.tgz | tail -n +$((KEEP + 1)) | xargs -r rm --
[ -x conf/after ] && conf/after "$day"
echo "$day: $renewed of $(wc -l < "$WORK/due") renewed" | tee -a var/renew.log
exit $status
