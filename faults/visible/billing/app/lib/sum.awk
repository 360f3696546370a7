# Lines sorted by customer: one total for each.
BEGIN { FS = OFS = ";" }
$1 != last { if (NR > 1) print last, calls, seconds, sum; last = $1; calls = seconds = sum = 0 }
{ calls++; seconds += $3; sum += $5 }
END { if (NR) print last, calls, seconds, sum }
