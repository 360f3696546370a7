#!/bin/sh
# Fetches one file of the feed, from the mirror when the partner does not have it: get.sh NAME FILE
for base in "$MAIN" "$MIRROR"; do
  curl -sS --fail --cacert "$CA" --connect-timeout 3 --max-time 12 --retry 2 --retry-delay 1 -o "$2" "$base/feed/$1" && exit 0
done
exit 1
