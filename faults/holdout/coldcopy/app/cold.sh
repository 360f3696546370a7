#!/bin/bash
# Copies the sets of conf/sets into the cold: cold.sh [--only SET] DAY
set -u -o pipefail
only='*'
while [ $# -gt 1 ]; do
  case $1 in
    --only) only=$2; shift 2 ;;
    *) echo "cold.sh: what is $1?" >&2; exit 2 ;;
  esac
done
day=$1
. conf/cold.conf
. lib/steps.sh
exec 9> var/cold.lock
flock -w "$LOCK_S" 9 || { echo "another copy is running" >&2; exit 3; }
scratch=$(mktemp -d "$TMPDIR/cold.XXXXXX")
trap 'rm -rf "$scratch"' EXIT
store=store/$day
mkdir -p "$store"
bad=0
for step in $STEPS; do
  "step_$step" || { echo "$day: $step: trouble" | tee -a var/cold.log >&2; bad=1; }
done
summary
exit $bad
