# priced: product shop count region price
{ total[$4] += $3 * $5; shops[$4 " " $2] += $3 * $5 }
END {
    for (region in total) if (total[region] > min) printf "%s,%d\n", region, total[region]
    for (shop in shops) if (shops[shop] > min) printf "%s,%d\n", shop, shops[shop]
}
