#!/bin/sh
# Prices from a partner, stock to it: sync.sh DAY
day=$1
cd "$(dirname "$0")" || exit 2
set -a
. conf/partner.conf
set +a
exec 2>> "log/sync-$day.log"

fail() {
    echo "$2" >&2
    exit "$1"
}

TOKEN=$(curl -fsS -m 5 -d "client=$client" "$api/token" | jq -r .token)
[ -n "$TOKEN" ] || fail 3 "no token"
export TOKEN
node bin/pull.js "$day" > "var/offers-$day.ndjson" || fail 4 "no offers"
jq -r '[.sku, .warehouse, .category, .cents, .stock] | @csv' "var/offers-$day.ndjson" > var/offers.csv || fail 5 "offers are not readable"
iconv -f UTF-8 -t ASCII//TRANSLIT conf/categories.csv > var/categories.csv || fail 6 "categories are not readable"
sqlite3 -bail db/shop.db < sql/merge.sql || fail 7 "not merged"
sqlite3 -json db/shop.db "select sku, stock from own_stock where sku in (select sku from offers)" > "var/outbox/stock-$day.json"
node bin/push.js var/outbox || fail 8 "stock is not pushed"
sqlite3 db/shop.db "select count(*) || ' offers, ' || sum(cents) || ' cents' from offers"
