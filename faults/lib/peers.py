"""What people do today with two traces, as scripts: the places of the cause in their lists.

`normdiff` replaces what changes by patterns and runs `diff`; its list are the hunks, in the order of the file.
`colouring` draws directly-follows graphs and marks what only one side has; its list are these nodes, by their counts.
Both see what the program recorded, and any mention of the thing counts: kinds they do not have.
"""

import json
import re
import subprocess
import tempfile

from . import key

PATTERNS = [
    (re.compile(r"\d{4}-\d\d-\d\d"), "DATE"),
    (re.compile(r"\d\d:\d\d:\d\d(\.\d+)?"), "TIME"),
    (re.compile(r"0x[0-9a-f]+"), "0xADDR"),
    (re.compile(r"\b[0-9a-f]{16,}\b"), "HEX"),
    (re.compile(r"(/tmp\.|ship\.|dump\.|/cc|/mail|/tmp)[A-Za-z0-9_]{6,10}"), r"\1RANDOM"),
    (re.compile(r"/proc/\d+"), "/proc/PID"),
    (re.compile(r"\b\d{9,}\b"), "BIG"),
]


def normal(text):
    for pattern, replacement in PATTERNS:
        text = pattern.sub(replacement, text)
    return text


def view(binary, run, name):
    done = subprocess.run([binary, "show", str(run), name, "--json"], capture_output=True, check=True)
    return json.loads(done.stdout)["rows"]


class Trace:
    """Events of a run, each with the name of its process, in the order of processes."""

    def __init__(self, binary, run):
        names = {row["id"]: (row["exe"] or "?").rsplit("/", 1)[-1] for row in view(binary, run, "tree")}
        self.events = {}
        for row in view(binary, run, "events"):
            name = names.get(row["process"], "?")
            resource = normal(row["resource"] or "")
            line = normal(f"{name} {row['name']}({row['args'] or ''}) {resource} {row['errno'] or ''}")
            node = f"{name} {row['name']} {resource} {row['errno'] or ''}" if resource else None
            self.events.setdefault(row["process"], []).append((line, node))

    def lines(self):
        return [line for events in self.events.values() for line, _ in events]

    def nodes(self):
        counts = {}
        for events in self.events.values():
            for _, node in events:
                if node:
                    counts[node] = counts.get(node, 0) + 1
        return counts


def named(text, expected):
    return any(key.pattern(normal(name)).search(text) for name in expected["names"])


def place(items, keys):
    """Place of the first mention; with several causes the last of them."""
    places = []
    for expected in keys:
        found = next((index for index, item in enumerate(items, 1) if named(item, expected)), None)
        if found is None:
            return None
        places.append(found)
    return max(places)


def normdiff(before, after):
    with tempfile.NamedTemporaryFile("w") as one, tempfile.NamedTemporaryFile("w") as two:
        for file, trace in ((one, before), (two, after)):
            file.write("\n".join(trace.lines()) + "\n")
            file.flush()
        text = subprocess.run(["diff", one.name, two.name], capture_output=True, text=True, check=False).stdout
    return re.split(r"^\d+(?:,\d+)?[acd]\d+(?:,\d+)?\n", text, flags=re.M)[1:]


def colouring(before, after):
    one, two = before.nodes(), after.nodes()
    only = {node: count for node, count in one.items() if node not in two}
    only |= {node: count for node, count in two.items() if node not in one}
    return sorted(only, key=lambda node: (-only[node], node))


PEERS = {"normdiff": normdiff, "colouring": colouring}
