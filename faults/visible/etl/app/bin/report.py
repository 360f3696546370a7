"""Sums of the day by region, against the last week: report.py DAY FILE"""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import shoplib

day, path = sys.argv[1:]
base = shoplib.connect(3000)
rows = base.execute("select c.region, o.customer, sum(o.eur) from orders o join customers c on c.id = o.customer"
                    " where o.day = ? group by 1, 2", (day,)).fetchall()
with open(path, "w") as file:
    for region, customer, total in rows:
        file.write(f"{region};{total:.2f};{customer}\n")
print(f"{len(rows)} rows")
if not rows:
    raise SystemExit("nothing to report")
