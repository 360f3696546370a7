#!/usr/bin/env python3
"""Count processes, opens and bytes in a strace log, independently of unspool: for the numbers of `unspool dockit`.

usage: count_log.py LOG     {"processes": n, "opens": n, "bytes_read": n, "bytes_written": n}

Nothing is tracked: results are read off the lines. Processes are the first one and those that fork, vfork, clone and clone3
without CLONE_THREAD returned.
"""

import json
import re
import sys

from count_calls import PREFIX, RESUMED, START, has_times, lines_of

RESULT = re.compile(rb"\) += (-?\d+)(?:</?[^\n]*>)?(?: [A-Z(].*)?(?: <[\d.]+>)?\s*$|\) += (-?\d+)\b")
# Length in a torn write, and maybe digits of what it wrote: the result is a beginning of these.
LENGTH = re.compile(rb'"(?:\.\.\.)?, (\d+)')
OPENS = {b"open", b"openat", b"openat2", b"creat"}
READS = {b"read", b"pread", b"pread64", b"readv", b"preadv", b"preadv2", b"recv", b"recvfrom", b"recvmsg"}
WRITES = {b"write", b"pwrite", b"pwrite64", b"writev", b"pwritev", b"pwritev2", b"send", b"sendto", b"sendmsg"}
FORKS = {b"fork", b"vfork", b"clone", b"clone3"}


def count(path):
    lines = lines_of(path)
    timed = has_times(lines)
    numbers = {"processes": 1, "opens": 0, "bytes_read": 0, "bytes_written": 0}
    halves = {}
    # A call whose line was torn by what the program itself wrote: its result is on a later line.
    torn = None
    for line in lines:
        match = PREFIX.match(line)
        body = match["body"]
        thread = match["bracket"] or match["plain"] or b""
        is_trace = not timed or match["time"] or match["relative"]
        resumed = is_trace and RESUMED.match(body)
        start = is_trace and START.match(body)
        if resumed:
            name = resumed["name"]
            body = halves.pop((thread, name), halves.pop((b"", name), b"")) + body
        elif start:
            name = start["name"]
            if body.rstrip().endswith(b"<unfinished ...>"):
                halves[(thread, name)] = body
                continue
        elif torn and (found := RESULT.search(line)) and torn[1].startswith(found[found.lastindex]):
            name, body = torn[0], line
            torn = None
        else:
            continue
        results = list(RESULT.finditer(body))
        if not results:
            length = LENGTH.search(body)
            torn = (name, length[1]) if length else None
            continue
        add(numbers, name, body, int(next(group for group in results[-1].groups() if group is not None)))
    return numbers


def add(numbers, name, body, value):
    if value < 0:
        return
    if name in OPENS:
        numbers["opens"] += 1
    elif name in READS:
        numbers["bytes_read"] += value
    elif name in WRITES:
        numbers["bytes_written"] += value
    elif name in FORKS and b"CLONE_THREAD" not in body:
        numbers["processes"] += 1


if __name__ == "__main__":
    print(json.dumps(count(sys.argv[1])))
