#!/usr/bin/env python3
"""Count system calls by name in strace logs, independently of unspool's decoder.

usage: count_calls.py LOG...        one JSON object per log: {"log":..., "calls": {name: count}, "total": n}
       count_calls.py --expected logs-expected.json LOG...   compare with the totals there, exit 1 on a difference

A call counts once: where its line starts (complete or `<unfinished ...>`), or at its resumed half when the log has no start
of it. Lines are taken apart by one regular expression and nothing is tracked but which thread has an open call: on purpose
a different construction from the decoder, which scans forward through nested values.
"""

import collections
import json
import os
import re
import sys

ESCAPES = re.compile(rb"\x1b\[[0-9;]*m")
PREFIX = re.compile(
    rb"^(?:\[pid +(?P<bracket>\d+)(?:<[^>]*>)?\] +|(?P<plain>\d+)(?:<[^>]*>)? +(?=\D|\d{2}:|\d+\.|\d{10} ))?"
    rb"(?:\[[a-z_]+:[^\]]*\] +)?"  # SELinux context
    rb"(?P<time>\d{2}:\d{2}:\d{2}(?:\.\d+)? +|\d{9,}(?:\.\d+)? +)?"
    rb"(?P<relative>\( *\+? *\d+\.\d+\) +|\d+\.\d{6} +)?"
    rb"(?:\[ *(?:\d+|\?+)\] +)?"  # number, -n
    rb"(?:\[(?:[0-9a-f]{8,16}|\?+)\] +)?"  # address, -i
    rb"(?P<body>.*)$",
    re.DOTALL,
)
START = re.compile(rb"^(?P<name>[a-z_][a-z0-9_]*|syscall_0x[0-9a-f]+|\?\?\?)\(")
RESUMED = re.compile(rb"^<\.\.\. (?P<name>\S+) resumed>")
UNFINISHED = re.compile(rb"<unfinished \.\.\.>\s*$")
WHOLE = re.compile(rb"\)\s+= |<unfinished \.\.\.>|<(?:detached|ptrace|pid changed)|\) = \?$")


def lines_of(path):
    with open(path, "rb") as log:
        return ESCAPES.sub(b"", log.read()).splitlines()


def has_times(lines):
    """Whether most call-like lines carry a time: then lines without one are not the tracer's."""
    with_time = without = 0
    for line in lines[:2000]:
        match = PREFIX.match(line)
        if START.match(match["body"]) and WHOLE.search(match["body"]):
            if match["time"] or match["relative"]:
                with_time += 1
            else:
                without += 1
    return with_time > without


def count(path):
    lines = lines_of(path)
    timed = has_times(lines)
    calls = collections.Counter()
    open_calls = set()
    for line in lines:
        match = PREFIX.match(line)
        body = match["body"]
        thread = match["bracket"] or match["plain"] or b""
        resumed = RESUMED.match(body)
        if resumed:
            name = resumed["name"].decode("latin-1")
            # The thread is not always told on both halves: without `-o`, strace leaves `[pid N]` out while one thread lives.
            opened = [(thread, name)] if (thread, name) in open_calls else [c for c in open_calls if c[1] == name]
            if opened:
                open_calls.discard(opened[0])
            else:
                calls[name] += 1
            continue
        start = START.match(body)
        if not start or (timed and not (match["time"] or match["relative"])):
            continue
        name = start["name"].decode("latin-1")
        calls[name] += 1
        if UNFINISHED.search(body):
            open_calls.add((thread, name))
    return calls


def main(arguments):
    expected = {}
    if arguments[:1] == ["--expected"]:
        with open(arguments[1], encoding="utf-8") as file:
            expected = json.load(file)
        arguments = arguments[2:]
    if not arguments:
        sys.exit(__doc__)
    different = 0
    for path in arguments:
        calls = count(path)
        total = sum(calls.values())
        known = expected.get(os.path.basename(path))
        if expected:
            if known is None:
                continue
            wrong = [(name, n, calls[name]) for name, n in known["top"] if calls[name] != n]
            if total != known["calls"] or wrong:
                different += 1
                print(f"{path}: expected {known['calls']}, counted {total}; by name {wrong}")
            continue
        print(json.dumps({"log": path, "calls": dict(sorted(calls.items())), "total": total}))
    sys.exit(1 if different else 0)


if __name__ == "__main__":
    main(sys.argv[1:])
