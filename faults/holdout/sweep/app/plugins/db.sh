# The queue of a database server against its own history: db.sh STATE
name=$(basename "$1")
now=$(sed -n 's/^queue=//p' "$1")
tail -n 30 "history/$name.csv" | cut -d, -f4 | sort -n | awk -v now="$now" '{ v[NR] = $1 } END { if (now > 40 + 6 * v[int(NR / 2) + 1]) { print "queue grows: " now; exit 1 } }'
