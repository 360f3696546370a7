#!/usr/bin/env python3
"""Records the fault suite, lets `unspool diff` find the causes, and says how well it did."""

import argparse
import concurrent.futures
import json
import os
import pathlib
import shutil
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
from lib import key, peers, record, suite, table

ALARM = 1500


def arguments():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--suite", choices=["visible", "holdout", "all"], default="visible")
    parser.add_argument("--job", action="append", default=[], help="only this job; may be repeated")
    parser.add_argument("--fault", action="append", default=[], help="only this fault; may be repeated")
    parser.add_argument("--baselines", default="1,5", help="how many baseline runs, several numbers by commas")
    parser.add_argument("--recorder", default="auto")
    parser.add_argument("--unspool", default=os.environ.get("UNSPOOL_BIN", "unspool"), help="the program")
    parser.add_argument("--store", type=pathlib.Path, help="folder of the recorded runs [default: target/faults]")
    parser.add_argument("--fresh", action="store_true", help="record again")
    parser.add_argument("--workers", type=int, default=2, help="jobs recorded at once")
    parser.add_argument("--peers", action="store_true", help="also normalise-and-diff and graph colouring")
    parser.add_argument("--record-only", action="store_true")
    parser.add_argument("--smoke", action="store_true", help="of each job the fault marked so, one clean run, one baseline")
    parser.add_argument("--misses", type=pathlib.Path, help="write what was listed where the cause is not in the first place")
    parser.add_argument("--json", type=pathlib.Path, help="write all figures")
    return parser.parse_args()


def main():
    options = arguments()
    store = (options.store or target() / "faults" / options.recorder).absolute()
    counts = [1] if options.smoke else [int(number) for number in options.baselines.split(",")]
    jobs = suite.load(options.suite, options.job)
    if options.smoke:
        jobs = [job for job in jobs if any(fault.get("smoke") for fault in job.faults)]
    start = time.monotonic()
    with concurrent.futures.ThreadPoolExecutor(options.workers) as pool:
        results = [result for part in pool.map(lambda job: evaluate(job, options, store, counts), jobs) for result in part]
    if options.record_only:
        return
    for reason in sorted({f"{one['job']}/{one['run']}: skipped: {one['skipped']}" for one in results if "skipped" in one}):
        print(reason)
    results = [one for one in results if "skipped" not in one]
    table.show(results, counts, list(peers.PEERS) if options.peers else [])
    print(f"{time.monotonic() - start:.0f} s")
    if options.misses:
        options.misses.write_text(table.misses(results))
    if options.json:
        options.json.write_text(json.dumps(results, indent=1))


def target():
    return pathlib.Path(os.environ.get("CARGO_TARGET_DIR", suite.ROOT.parent / "target"))


def evaluate(job, options, store, counts):
    """All pairs of one job, one after the other: their folders and ports are the same."""
    def runs(plan):
        return record.ensure(job, plan, store, options.unspool, options.recorder, options.fresh)

    faults = [fault for fault in job.faults if not options.fault or fault["id"] in options.fault]
    cleans = [] if options.fault else job.cleans()
    if options.smoke:
        faults, cleans = [fault for fault in faults if fault.get("smoke")], cleans[:1]
    results = []
    missing = [program for program in job.settings.get("needs", []) if shutil.which(program) is None]
    if missing:
        return [{"job": job.name, "run": "all", "skipped": f"no {' '.join(missing)} here"}]
    try:
        baselines = [runs(plan) for plan in job.baselines()[-max(counts):]]
    except record.CannotRecord as reason:
        return [{"job": job.name, "run": "all", "skipped": str(reason)}]
    for plan, fault in [(plan, None) for plan in cleans] + [(job.faulty(fault), fault) for fault in faults]:
        try:
            run = runs(plan)
        except record.CannotRecord as reason:
            results.append({"job": job.name, "run": plan["name"], "skipped": str(reason)})
            continue
        if options.record_only:
            continue
        for count in counts:
            results.append(judge(job, plan, fault, diff(options.unspool, baselines[-count:], run), count))
        if options.peers and fault:
            results += compare_peers(job, plan, fault, options.unspool, baselines[-1], run)
    return results


def diff(binary, baselines, run):
    line = [binary, "diff", *map(str, baselines), str(run), "--json"]
    start = time.monotonic()
    done = subprocess.run(line, capture_output=True, check=False)
    if done.returncode not in (0, 1):
        raise SystemExit(f"{' '.join(line)}: {done.stderr.decode(errors='replace')}")
    return json.loads(done.stdout)["rows"], time.monotonic() - start


def judge(job, plan, fault, found, count):
    rows, seconds = found
    result = {
        "job": job.name, "suite": job.suite, "run": plan["name"], "by": f"K={count}", "decoys": plan["decoys"],
        "class": fault["class"] if fault else "clean", "length": len(rows), "seconds": round(seconds, 3),
        "alarms": sum(row["score"] >= ALARM for row in rows), "rows": rows[:8],
    }
    if fault:
        result["rank"] = key.rank(rows, fault["expect"])
        result["expect"] = fault["expect"]
    return result


def compare_peers(job, plan, fault, binary, baseline, run):
    before, after = peers.Trace(binary, baseline), peers.Trace(binary, run)
    results = []
    for name, peer in peers.PEERS.items():
        items = peer(before, after)
        results.append({
            "job": job.name, "suite": job.suite, "run": plan["name"], "by": name, "class": fault["class"],
            "length": len(items), "alarms": 0, "seconds": 0, "rank": peers.place(items, fault["expect"]), "rows": [],
        })
    return results


if __name__ == "__main__":
    main()
