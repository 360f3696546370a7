# Values above their threshold: limits.sh STATE
awk -F'[ =]+' '
  FNR == NR { if ($0 !~ /^#/) most[$1] = $2; next }
  $1 in most && $2 + 0 > most[$1] + 0 { print $1, $2, "above", most[$1]; high = 1 }
  END { exit high }
' etc/thresholds.conf "$1"
