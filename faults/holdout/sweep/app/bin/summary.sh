# What is other than at the last sweep: summary.sh DAY
for file in state/*; do
  sed "s/^/${file##*/} /; s/=/ /" "$file"
done | sort > var/all.new
awk '$2 == "load" { n++; sum += $3 } $2 == "disk" && $3 > most { most = $3; where = $1 } END { printf "%d hosts, load %.2f, fullest %s\n", n, sum / (n ? n : 1), where }' var/all.new > "out/summary-$1.txt"
diff var/all.last var/all.new | grep -c '^[<>]' >> "out/summary-$1.txt"
mv var/all.new var/all.last
ls spool | wc -l >> "out/summary-$1.txt"
