"""Puts the tiles of a list into an archive: pack.py ARCHIVE LIST"""
import hashlib
import sqlite3
import sys
import zlib

archive, names = sys.argv[1:]
base = sqlite3.connect(archive, timeout=8)
added = same = 0
with base, open(names) as lines:
    base.execute("begin immediate")
    for name in map(str.strip, lines):
        with open(f"out/tiles/{name}", "rb") as file:
            pixels = file.read()
        sum_ = hashlib.md5(pixels).hexdigest()
        if base.execute("select 1 from tiles where name = ? and sum = ?", (name, sum_)).fetchone():
            same += 1
            continue
        added += 1
        base.execute("delete from tiles where name = ?", (name,))
        base.execute("insert into tiles values (?, ?, ?)", (name, sum_, zlib.compress(pixels, 6)))
print(f"{added} packed, {same} as before")
