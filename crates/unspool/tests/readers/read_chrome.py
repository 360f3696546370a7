"""Reads a trace in Chrome's trace event format by the rules of the format, and prints what it holds as JSON."""

import json
import sys
from decimal import Decimal


def ns(number):
    return int(Decimal(number) * 1000)


def nesting_problems(slices):
    """Complete events of one thread lie inside one another or apart."""
    problems = []
    deepest = 0
    for track, events in slices.items():
        stack = []
        for start, end, name in sorted(events, key=lambda event: (event[0], -event[1])):
            while stack and stack[-1][1] <= start:
                stack.pop()
            if stack and end > stack[-1][1]:
                problems.append(f"{track}: {name} at {start} crosses the end of {stack[-1][2]}")
            stack.append((start, end, name))
            deepest = max(deepest, len(stack) - 1)
    return problems, deepest


def main(path):
    with open(path, encoding="utf-8") as file:
        trace = json.load(file, parse_float=str, parse_int=str)
    problems = []
    slices, starts, ends, threads, processes = {}, {}, {}, set(), {}
    counts = {}
    failed = unfinished = total = marks = calls_counted = 0
    counters, kinds = set(), {}
    for event in trace["traceEvents"]:
        phase = event["ph"]
        counts[phase] = counts.get(phase, 0) + 1
        track = (event["pid"], event.get("tid"))
        if phase == "M":
            if event["name"] == "process_name":
                processes[event["pid"]] = event["args"]["name"]
            if event["name"] == "thread_name":
                threads.add(track)
            continue
        if phase == "C":
            counters.add(event["name"])
            values = event["args"].values()
            if event["name"] == "all: calls":
                calls_counted += sum(int(value) for value in values)
            continue
        if track not in threads:
            problems.append(f"nobody named thread {track}")
        time = ns(event["ts"])
        if phase == "X":
            duration = ns(event["dur"])
            total += duration
            slices.setdefault(track, []).append((time, time + duration, event["name"]))
            failed += "errno" in event["args"]
            unfinished += event["args"].get("unfinished") is True
        elif phase == "i":
            marks += "event" in event["args"]
        elif phase == "s":
            starts[event["id"]] = time
            kinds[event["name"]] = kinds.get(event["name"], 0) + 1
        elif phase == "f":
            ends[event["id"]] = time
        else:
            problems.append(f"phase {phase}")
    if starts.keys() != ends.keys():
        problems.append("arrows without one of their ends")
    if any(ends[flow] < time for flow, time in starts.items() if flow in ends):
        problems.append("an arrow goes back in time")
    crossing, deepest = nesting_problems(slices)
    report = {
        "slices": counts.get("X", 0),
        "marks": marks,
        "failed": failed,
        "unfinished": unfinished,
        "total_ns": total,
        "deepest": deepest,
        "processes": len(processes),
        "names": sorted(set(processes.values())),
        "threads": len(threads),
        "flows": kinds,
        "counters": sorted(counters),
        "calls_counted": calls_counted,
        "problems": (problems + crossing)[:20],
    }
    print(json.dumps(report))


main(sys.argv[1])
