"""Empties the queue: worker.py SETTINGS"""
import concurrent.futures
import configparser
import json
import os
import sqlite3
import subprocess
import sys
import time
import urllib.error
import urllib.request
import zlib

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "lib"))
import resp


def main(path):
    settings = configparser.ConfigParser()
    with open(path) as file:
        settings.read_file(file)
    settings = settings["worker"]
    threads = int(os.environ.get("WORKER_THREADS", settings["threads"]))
    with concurrent.futures.ThreadPoolExecutor(threads) as pool:
        counts = [one.result() for one in [pool.submit(work, settings) for _ in range(threads)]]
    print(f"{sum(done for done, _ in counts)} done, {sum(failed for _, failed in counts)} failed", flush=True)
    status = subprocess.run([sys.executable, "tools/summary.py", settings["base"], "out/summary.txt"], check=False).returncode
    if status:
        print(f"no summary: {status}", file=sys.stderr)
    subprocess.run(["sh", "tools/publish.sh"], check=False)
    return 1 if status or any(failed for _, failed in counts) else 0


def work(settings):
    queue = resp.Client(settings["queue"])
    base = sqlite3.connect(settings["base"], timeout=5)
    done = failed = 0
    while (task := queue.ask("LPOP", "tasks")) is not None:
        task = json.loads(task)
        try:
            handle(task, settings, base)
            queue.ask("HINCRBY", "stats", "done", 1)
            done += 1
        except Exception as error:
            print(f"task failed: {error}", file=sys.stderr, flush=True)
            queue.ask("RPUSH", "failed", json.dumps(task))
            failed += 1
    return done, failed


def handle(task, settings, base):
    picture = fetch(settings, f"{settings['pictures']}/{task['picture']}")
    label = json.loads(fetch(settings, f"{settings['labels']}?of={task['picture']}"))
    packed = zlib.compress(picture, 6)
    with open(f"out/{task['picture']}.z", "wb") as file:
        file.write(packed)
    with base:
        known = base.execute("select count(*) from results where picture = ?", (task["picture"],)).fetchone()[0]
        base.execute("insert into results values(?,?,?,?)", (task["picture"], label["name"], len(packed), known))


def fetch(settings, url):
    for attempt in range(int(settings["tries"])):
        try:
            with urllib.request.urlopen(url, timeout=6) as answer:
                return answer.read()
        except urllib.error.HTTPError as error:
            if error.code != 503 or attempt + 1 == int(settings["tries"]):
                raise
            time.sleep(0.06)


sys.exit(main(*sys.argv[1:]))
