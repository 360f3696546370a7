# A backup: backup.sh FROM STORE DAY
umask 022
from=$1 store=$2 day=$3
exec >> "$store/backup.log" 2>&1
echo "start $day"
last=$(ls "$store" | grep '^20' | grep -v "$day" | tail -n 1)
python3 copy.py "$from" "$store/$last" "$store/$day" exclude || echo "copy: status $?"
(cd "$store/$day" && find . -type f -print0 | sort -z | xargs -0 sha256sum) > "$store/$day.sums"
openssl enc -aes-128-cbc -pbkdf2 -iter 1000 -pass file:pass -in "$store/$day.sums" -out "$store/$day.seal" || exit 3
(cd "$store/$day" && sha256sum --quiet -c "../$day.sums") || exit 4
sync "$store/$day.sums"
ls "$store" | grep '^20..-..-..$' | head -n -4 | while read -r old; do rm -r "${store:?}/$old"; done
echo "end"
