# Sums hours of a customer to a line: meter;zone;hour;wh;cents;customer;region
{ key = $6 OFS $7 OFS $2; wh[key] += $4; cents[key] += $5 }
END { for (key in wh) print key, wh[key], cents[key] | "sort"; close("sort") }
