#!/bin/sh
# Packs the pages and shows them: publish.sh FOLDER
set -e
echo $$ > var/publish.pid
name=$(basename "$1")
rm -rf "public/$name.new"
cp -R "$1" "public/$name.new"
for page in public/"$name".new/*.html; do
  gzip -9 -c "$page" > "$page.gz"
done
(cd "public/$name.new" && sha256sum ./*.html > SUMS)
rm -rf "public/$name"
mv "public/$name.new" "public/$name"
tar -czf "var/board-$name.tar.gz" -C public "$name"
ln -sfn "$name" public/current
rm var/publish.pid
