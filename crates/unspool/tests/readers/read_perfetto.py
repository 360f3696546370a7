"""Reads a Perfetto trace with the Perfetto project's own message descriptors, and prints what it holds as JSON.

The rules are those of Perfetto's importer: packets in order of time, equal times in the order of the file; an end closes the
innermost open slice of its track; an arrow goes from the event that has its id first to the one that ends it.
"""

import json
import sys

from perfetto.protos.perfetto.trace import perfetto_trace_pb2 as messages


def main(path):
    trace = messages.Trace()
    with open(path, "rb") as file:
        trace.ParseFromString(file.read())
    names, categories, keys, values = {}, {}, {}, {}
    tracks, parents, commands = {}, {}, {}
    events = []
    problems = []
    for place, packet in enumerate(trace.packet):
        if place == 0 and packet.sequence_flags != 1:
            problems.append("the first packet does not begin the state anew")
        data = packet.interned_data
        for table, entries in (
            (names, data.event_names),
            (categories, data.event_categories),
            (keys, data.debug_annotation_names),
        ):
            for entry in entries:
                table[entry.iid] = entry.name
        for entry in data.debug_annotation_string_values:
            values[entry.iid] = entry.str.decode()
        if packet.HasField("track_descriptor"):
            tracks[packet.track_descriptor.uuid] = packet.track_descriptor
        for process in packet.process_tree.processes:
            parents[process.pid] = process.ppid
            commands[process.pid] = list(process.cmdline)
        if packet.HasField("track_event"):
            events.append((packet.timestamp, place, packet.track_event))
    # `sorted` is stable, and so is the importer.
    events.sort(key=lambda event: event[0])
    open_slices, slices, marks, counters = {}, [], [], {}
    begun, flows = {}, []
    for time, _, event in events:
        if event.track_uuid not in tracks:
            problems.append(f"track {event.track_uuid} was not described")
            continue
        name = names.get(event.name_iid, event.name)
        notes = {}
        for note in event.debug_annotations:
            kind = note.WhichOneof("value")
            value = values[note.string_value_iid] if kind == "string_value_iid" else getattr(note, kind)
            notes[keys[note.name_iid]] = value
        place = (event.track_uuid, name, time)
        stack = open_slices.setdefault(event.track_uuid, [])
        if event.type == messages.TrackEvent.TYPE_SLICE_BEGIN:
            stack.append((name, time, notes, [categories[iid] for iid in event.category_iids]))
        elif event.type == messages.TrackEvent.TYPE_SLICE_END:
            if not stack:
                problems.append(f"an end without a begin at {time}")
                continue
            begin = stack.pop()
            place = (event.track_uuid, begin[0], time)
            slices.append((event.track_uuid, *begin, time - begin[1], len(stack)))
        elif event.type == messages.TrackEvent.TYPE_INSTANT:
            marks.append((event.track_uuid, name, time, notes))
        elif event.type == messages.TrackEvent.TYPE_COUNTER:
            field = event.WhichOneof("counter_value_field")
            counters.setdefault(event.track_uuid, []).append((time, getattr(event, field)))
        for flow in event.flow_ids:
            if flow in begun:
                problems.append(f"arrow {flow} begins twice")
            begun[flow] = place
        for flow in event.terminating_flow_ids:
            if flow not in begun:
                problems.append(f"arrow {flow} ends before it begins")
            else:
                flows.append((begun.pop(flow), place))
    for uuid, stack in open_slices.items():
        if stack:
            problems.append(f"{len(stack)} slices of track {uuid} never end")
    if begun:
        problems.append(f"{len(begun)} arrows never end")
    for uuid, track in tracks.items():
        if track.HasField("thread") and track.parent_uuid not in tracks:
            problems.append(f"thread {uuid} has no process")
    kinds = {}
    for start, _ in flows:
        kinds[start[1]] = kinds.get(start[1], 0) + 1
    processes = [track.process for track in tracks.values() if track.HasField("process")]
    report = {
        "slices": len(slices),
        "marks": sum(1 for mark in marks if "event" in mark[3]),
        "failed": sum(1 for _, _, _, notes, *_ in slices if "errno" in notes),
        "unfinished": sum(1 for _, _, _, notes, *_ in slices if notes.get("unfinished")),
        "total_ns": sum(slice[5] for slice in slices),
        "deepest": max((slice[6] for slice in slices), default=0),
        "bytes": sum(slice[3].get("bytes", 0) for slice in slices if slice[1] in ("read", "write")),
        "paths": sorted({slice[3]["path"] for slice in slices if "path" in slice[3]}),
        "processes": len(processes),
        "pids": len({process.pid for process in processes}),
        "names": sorted({process.process_name for process in processes}),
        "threads": sum(1 for track in tracks.values() if track.HasField("thread")),
        "with_parent": sum(1 for parent in parents.values() if parent),
        "commands": sorted(" ".join(words) for words in commands.values()),
        "flows": kinds,
        "counters": sorted({tracks[uuid].name for uuid in counters}),
        "calls_counted": sum(
            value for uuid, points in counters.items() if tracks[uuid].name == "all: calls" for _, value in points
        ),
        "notes": [name for _, name, _, notes in marks if not notes],
        "problems": problems[:20],
    }
    print(json.dumps(report))


main(sys.argv[1])
