"""Sorts an inbox: inbox.py CONFIG"""
import asyncio
import concurrent.futures
import hashlib
import json
import os
import sys

with open(sys.argv[1]) as file:
    settings = json.load(file)
try:
    with open(settings["words"]) as file:
        words = set(file.read().split())
except OSError as error:
    print("without words:", error, file=sys.stderr)
    words = set()


def load(path):
    with open(path, "rb") as file:
        return file.read()


async def classify(text):
    for attempt in range(settings["tries"]):
        try:
            reader, writer = await asyncio.wait_for(asyncio.open_connection(*settings["classifier"]), 2)
            writer.write(hashlib.sha1(text).hexdigest().encode() + b"\n")
            answer = (await asyncio.wait_for(reader.readline(), 2)).decode().strip()
            writer.close()
            if answer:
                return answer
        except (OSError, asyncio.TimeoutError) as error:
            print("classifier:", error, file=sys.stderr)
        await asyncio.sleep(0.02)
    return "other"


async def sort(path, index, pool):
    try:
        text = await asyncio.get_running_loop().run_in_executor(pool, load, path)
    except OSError as error:
        print(error, file=sys.stderr)
        return 1
    seal = hashlib.sha1(text).hexdigest()
    if seal in index:
        return 0
    kind = await classify(text)
    try:
        with open(f"sorted/{kind}/{os.path.basename(path)}", "wb") as file:
            file.write(text)
    except OSError as error:
        print(error, file=sys.stderr)
        return 1
    index[seal] = path
    if not settings["keep"]:
        os.unlink(path)
    return 0


async def main():
    try:
        index = json.loads(load("state/index.json"))
    except (OSError, ValueError) as error:
        print("no index:", error, file=sys.stderr)
        index = {}
    paths = sorted(entry.path for folder in ("inbox/scans", "inbox/mails") for entry in os.scandir(folder))
    with concurrent.futures.ThreadPoolExecutor(settings["threads"]) as pool:
        failed = sum([await sort(path, index, pool) for path in paths])
    with open("state/index.json.new", "w") as file:
        json.dump(index, file)
    os.rename("state/index.json.new", "state/index.json")
    print(len(paths), "seen,", failed, "failed")
    return failed > 2


sys.exit(asyncio.run(main()))
