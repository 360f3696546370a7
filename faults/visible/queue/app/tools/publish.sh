#!/bin/sh
# Packs what the worker wrote.
[ -f conf/publish.env ] && . conf/publish.env
tar -czf public/pictures.tar.gz -C out . || exit 1
chmod 644 public/pictures.tar.gz
[ -n "$NOTIFY" ] && curl -s -o /dev/null "$NOTIFY"
exit 0
