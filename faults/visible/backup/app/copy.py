"""Copies a tree, linking what did not change: copy.py FROM BEFORE TO EXCLUDE"""
import fnmatch
import os
import shutil
import sys

source, before, target, exclude = sys.argv[1:]
try:
    with open(exclude) as file:
        patterns = file.read().split()
except FileNotFoundError:
    patterns = []
copied = linked = failed = 0
for folder, folders, names in os.walk(source):
    folders.sort()
    inside = os.path.relpath(folder, source)
    os.makedirs(os.path.join(target, inside), exist_ok=True)
    for name in sorted(names):
        if any(fnmatch.fnmatch(name, pattern) for pattern in patterns):
            continue
        path, old, new = (os.path.join(place, inside, name) for place in (source, before, target))
        try:
            known = os.stat(path)
            try:
                last = os.stat(old)
                if (last.st_size, int(last.st_mtime)) == (known.st_size, int(known.st_mtime)):
                    os.link(old, new)
                    linked += 1
                    continue
            except FileNotFoundError:
                pass
            shutil.copy2(path, new)
            copied += 1
        except OSError as error:
            print(error, file=sys.stderr)
            failed += 1
print(f"{copied} copied, {linked} linked, {failed} failed")
sys.exit(failed > 3)
