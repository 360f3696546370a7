#!/bin/sh
# The night's small things: night.sh DAY
day=$1
cd "$(dirname "$0")" || exit 2
. conf/night.conf
for n in 4 3 2 1; do mv "logs/app.log.$n" "logs/app.log.$((n + 1))"; done
gzip -c logs/app.log > "logs/app-$day.log.gz" && mv logs/app.log logs/app.log.1 && : > logs/app.log
find chunks -name '*.bin' | sort | xargs -P 3 -n 2 sha256sum > sums.txt || exit 3
python3 work.py "$day" "$WORKERS" || exit 4
weekday=$(LC_ALL=C date -d "$day" +%a)
tar -czf "weekly/$weekday/dump.gz" spool || exit 5
build=$(($(cat BUILD) + 1))
mkdir "builds/build-$build" && cp sums.txt "builds/build-$build/" && ln -sfn "build-$build" builds/latest && echo "$build" > BUILD
for chunk in chunks/*.bin; do
    openssl enc -aes-256-cbc -pbkdf2 -pass file:conf/seal.key -in "$chunk" -out "$chunk.sealed" || exit 6
done
page=1
while [ "$page" -le "$(ls spool | wc -l)" ] && [ "$page" -le 9 ]; do
    curl -sf "$SERVICE/pages?n=$page&at=$(date +%s)" -o "page-$page.json" || exit 7
    page=$((page + 1))
done
sort -R sums.txt | head -3 > sample.txt
