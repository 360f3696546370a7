"""Sums of the results: summary.py BASE FILE"""
import os
import sqlite3
import sys
import zlib

path, out = sys.argv[1:]
with open("var/summary.pid", "w") as file:
    file.write(str(os.getpid()))
rows = sqlite3.connect(path).execute("select label, count(*), sum(bytes) from results group by 1 order by 1").fetchall()
sums = [zlib.crc32(open(entry.path, "rb").read()) for _ in range(40) for entry in os.scandir("out") if entry.name.endswith(".z")]
with open(out, "w") as file:
    file.writelines(f"{label} {count} {size}\n" for label, count, size in rows)
    file.write(f"{len(sums)} checked\n")
os.unlink("var/summary.pid")
