# Dumps, loads, verifies: dump.sh DAY
set -o pipefail
day=$1
. conf/dump.env
work=$(mktemp -d -t dump.XXXXXXXX) || exit 9
trap 'rm -rf "$work"' EXIT
say() { echo "$(date +%T) $*" >> dumps/dump.log; }
say "dump of $day starts"
sqlite3 -cmd ".timeout $TIMEOUT_MS" "$SOURCE" "begin immediate; update settings set value = value where key = 'schema'; commit;" 2>> dumps/dump.log || say "cannot mark"
sqlite3 "$SOURCE" .dump > "$work/live.sql" 2>> dumps/dump.log || { say "dump failed"; exit 1; }
$PACK -c "$work/live.sql" > "dumps/live-$day.sql.gz" || { say "pack failed"; exit 2; }
openssl dgst -sha256 -hmac "$(cat keys/dump.key)" "dumps/live-$day.sql.gz" > "dumps/live-$day.mac" 2>> dumps/dump.log
rm -f copy/live.db
gunzip -c "dumps/live-$day.sql.gz" | sqlite3 copy/live.db 2>> dumps/dump.log || say "load failed"
for table in people visits settings; do
    a=$(sqlite3 "$SOURCE" "select count(*) from $table")
    b=$(sqlite3 copy/live.db "select count(*) from $table" 2>> dumps/dump.log)
    [ "$a" = "$b" ] || { say "$table differs: $a $b"; bad=1; }
done
[ -z "$bad" ] || exit 3
sqlite3 copy/live.db "select count(*), avg(n) from (select p.id, count(*) n from people p join visits v on v.person = p.id group by 1)" >> dumps/dump.log
ls dumps/live-*.sql.gz | sort | head -n -"$KEEP" | xargs -r rm --
say "dump of $day is done"
