"""The judge: does a finding name the cause? Wording does not count, the kind and the thing's full name do."""

import functools
import json
import re

# Words of the suite -> kinds of the program. The program's own names live only here.
KINDS = {
    "missing_file": {"file-missing", "error"},
    "missing_program": {"file-missing", "error", "exit-status"},
    "new_file": {"file-new", "file-other", "version"},
    "gone_file": {"file-gone", "file-missing"},
    "deleted": {"file-gone"},
    "content": {"content", "version"},
    "stale": {"file-other", "content"},
    "volume": {"more", "less"},
    "more": {"more", "process-count"},
    "fewer": {"less", "process-count"},
    "slow_peer": {"slower"},
    "slow": {"slower"},
    "waiting": {"slower", "lock"},
    "sleep": {"slower"},
    "cpu": {"slower"},
    "lock": {"lock"},
    "connection_failed": {"connection-error", "error"},
    "connection_new": {"connection-new", "connection-other"},
    "connection_changed": {"more", "less", "connection-other", "connection-error"},
    "retries": {"retry", "more", "process-count"},
    "dns": {"connection-new", "connection-error", "error"},
    "errors": {"error"},
    "permission": {"error"},
    "disk_full": {"error"},
    "limit": {"error", "signal"},
    "leak": {"error", "more"},
    "out_of_memory": {"error"},
    "exit": {"exit-status"},
    "signal": {"signal"},
    "new_process": {"process-new", "process-count", "program"},
    "gone_process": {"process-gone", "process-count"},
    "changed_process": {"argument", "program"},
    "program": {"program", "process-new", "version", "file-other"},
    "library": {"version", "file-new", "file-other"},
    "environment": {"environment"},
    "argument": {"argument"},
    "search_path": {"environment", "file-other", "file-new", "program", "error"},
    "order": {"order"},
    "log_new": {"log-new"},
    "new_call": {"more"},
}


@functools.cache
def pattern(name):
    """A name with stars, whole: `*/in/orders.csv` is not in `plain/in/orders.csv.bak`."""
    parts = [re.escape(part) for part in name.split("*")]
    text = r"[^\s'\"]*?".join(parts)
    head = "" if name.startswith("*") else r"(?<![\w./-])"
    tail = "" if name.endswith("*") else r"(?![\w/-]|\.\w)"
    return re.compile(head + text + tail)


def texts(value):
    """All strings in a value."""
    if isinstance(value, str):
        return [value]
    if isinstance(value, list):
        return [text for part in value for text in texts(part)]
    if isinstance(value, dict):
        return [text for part in value.values() for text in texts(part)]
    return [] if value is None else [json.dumps(value)]


def kinds_of(words):
    return {kind for word in words for kind in KINDS[word]}


def is_hit(row, key):
    """Whether a row is the expected finding."""
    if row["kind"] not in kinds_of(key["kinds"]):
        return False
    said = texts(row["subject"]) + texts(row.get("evidence"))
    return any(pattern(name).search(text) for name in key["names"] for text in said)


def rank(rows, keys):
    """Place of the cause, from 1; with several faults the worst place, the other causes before it not counted.

    None: a cause is not in the list at all.
    """
    places = []
    hits = {index for key in keys for index, row in enumerate(rows) if is_hit(row, key)}
    for key in keys:
        own = [index for index, row in enumerate(rows) if is_hit(row, key)]
        if not own:
            return None
        before = [index for index in range(own[0]) if index not in hits]
        places.append(len(before) + 1)
    return max(places)
