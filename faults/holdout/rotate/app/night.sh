#!/bin/sh
# Runs the tasks of a night, each by itself: night.sh DAY
day=$1
export DAY="$day"
. conf/night.conf
export KEEP_DAYS PACK TOP
bad=0
for task in tasks/[0-9]*; do
  name=${task##*/}
  [ -x "$task" ] || continue
  if [ -e "run/$name.pid" ]; then
    read -r other < "run/$name.pid"
    if kill -0 "$other" 2> /dev/null; then
      echo "$name: still running as $other" >&2
      continue
    fi
  fi
  echo $$ > "run/$name.pid"
  timeout -k 1 "$LIMIT" "$task" "$day" >> "var/night-$day.out" 2>&1
  status=$?
  rm -f "run/$name.pid"
  [ $status = 0 ] || { echo "$name: status $status" >&2; bad=1; }
  printf '%s %s %d\n' "$(date +%FT%T)" "$name" $status >> var/history
done
exit $bad
