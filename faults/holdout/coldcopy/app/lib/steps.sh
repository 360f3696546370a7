# The steps of cold.sh, each with a status.
step_pack() {
  local list name status=0
  for list in conf/sets/$only.list; do
    name=$(basename "$list" .list)
    xargs -a "$list" -I{} find {} -type f -printf '%p\n' | grep -v -f conf/exclude | LC_ALL=C sort > "$scratch/$name.files" || status=1
    tar -cf - --no-recursion -T "$scratch/$name.files" | zstd -q -T1 "-$LEVEL" -o "$store/$name.tar.zst" || status=1
    xargs -d '\n' -a "$scratch/$name.files" stat -c '%s %Y %n' > "$store/$name.list" || status=1
  done
  return $status
}

step_seal() {
  (cd "$store" && sha256sum ./*.tar.zst ./*.list > MANIFEST) || return 1
  openssl dgst -sha256 -hmac "$(cat etc/seal.key)" -out "$store/MANIFEST.sig" "$store/MANIFEST"
}

step_verify() {
  local archive name status=0
  (cd "$store" && sha256sum --quiet -c MANIFEST) || status=1
  for archive in "$store"/*.tar.zst; do
    name=$(basename "$archive" .tar.zst)
    zstd -q -dc "$archive" | tar -tf - > "$scratch/$name.inside" || status=1
    cut -d' ' -f3- "$store/$name.list" | diff -q - "$scratch/$name.inside" > "$scratch/$name.diff" || { echo "$name: the archive is not what the list says" >&2; status=1; }
  done
  return $status
}

step_upload() {
  local file status=0
  for file in "$store"/*; do
    curl -sS -f --retry "$TRIES" --retry-delay 0 --retry-max-time 8 --max-time 10 -o "$scratch/answer" -T "$file" "$VAULT/$day/$(basename "$file")" || { status=1; break; }
  done
  return $status
}

step_shelf() {
  local file
  mkdir -p "mnt/shelf/$day" || return 1
  for file in "$store"/*; do
    cp "$file" "mnt/shelf/$day/$(basename "$file").part" || return 1
    mv "mnt/shelf/$day/$(basename "$file").part" "mnt/shelf/$day/$(basename "$file")"
  done
}

step_prune() {
  ls -d store/20* | sort | head -n "-$KEEP" | xargs -r rm -r
}

summary() {
  cat "$store"/*.list | awk -v day="$day" '{ bytes += $1; files++ } END { printf "%s: %d files, %d bytes\n", day, files, bytes }' | tee -a var/cold.log
}
