"""Makes the album of a day: album.py --settings FILE --day DAY [--workers NUMBER]"""
import argparse
import concurrent.futures
import fcntl
import hashlib
import http.client
import json
import logging
import os
import pathlib
import subprocess
import sys
import tempfile
import time
import tomllib
import urllib.parse
import zipfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "lib"))
import pictures
import scaling


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--settings", required=True)
    parser.add_argument("--day", required=True)
    parser.add_argument("--workers", type=int, default=2)
    options = parser.parse_args()
    with open(options.settings, "rb") as file:
        settings = tomllib.load(file)
    logging.basicConfig(format="%(asctime)s %(levelname)s %(message)s", level=logging.INFO, filename=f"var/album-{options.day}.log")
    with open(settings["captions"]) as file:
        captions = json.load(file)
    try:
        mark = pictures.read_grey(settings["mark"])
    except OSError as error:
        logging.warning("no mark: %s", error)
        mark = None
    found = sorted(pathlib.Path("incoming", options.day).glob("*.ppm"))
    done, failed = [], 0
    with concurrent.futures.ProcessPoolExecutor(options.workers) as pool:
        jobs = {pool.submit(one, path, settings, mark): path for path in found}
        for job in concurrent.futures.as_completed(jobs):
            try:
                done.append(job.result())
            except (OSError, ValueError) as error:
                logging.error("%s: %s", jobs[job].name, error)
                failed += 1
    done.sort(key=lambda entry: entry["name"])
    for entry in done:
        entry["caption"] = captions.get(entry["camera"], "untitled")
    catalogue(done)
    packed = pack(options.day, done)
    with open(f"{packed}.sum", "w") as file:
        subprocess.run(["sha256sum", packed], stdout=file, check=True)
    status = upload(f"{settings['upload']}/{options.day}", packed)
    logging.info("%d pictures, %d failed, upload %s", len(done), failed, status)
    print(f"{len(done)} pictures, {failed} failed, upload {status}")
    return 1 if failed or status != 201 else 0


def one(path, settings, mark):
    """One picture, in a process of the pool."""
    pathlib.Path(f"var/worker-{os.getpid()}").touch()
    raw = path.read_bytes()
    width, height, pixels = pictures.colours(raw)
    small_width = settings["width"]
    small_height = max(1, height * small_width // width)
    small = scaling.scale(pixels, width, height, small_width, small_height)
    if mark:
        small = pictures.stamped(small, small_width, small_height, mark)
    name = hashlib.sha1(raw).hexdigest()[:16]
    with tempfile.NamedTemporaryFile("wb", dir="thumbs", prefix=".new-", delete=False) as file:
        file.write(pictures.png(small, small_width, small_height, settings["level"]))
    os.replace(file.name, f"thumbs/{name}.png")
    time.sleep(settings["pace"])
    return {"name": name, "camera": path.stem.split("_")[0], "size": len(raw), "width": width, "height": height}


def catalogue(done):
    with open("var/catalogue.jsonl", "a+") as file:
        fcntl.lockf(file, fcntl.LOCK_EX)
        file.seek(0)
        known = {json.loads(line)["name"] for line in file}
        file.writelines(json.dumps(entry) + "\n" for entry in done if entry["name"] not in known)


def pack(day, done):
    packed = f"out/album-{day}.zip"
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for entry in done:
            archive.write(f"thumbs/{entry['name']}.png", f"{entry['name']}.png")
        archive.writestr("index.html", "".join(f"<img src={entry['name']}.png alt='{entry['caption']}'>\n" for entry in done))
    return packed


def upload(url, packed):
    parts = urllib.parse.urlsplit(url)
    peer = http.client.HTTPConnection(parts.hostname, parts.port, timeout=6)
    with open(packed, "rb") as file:
        peer.request("PUT", parts.path, body=file, headers={
            "Content-Type": "application/zip", "Content-Length": str(os.path.getsize(packed))})
        answer = peer.getresponse()
        answer.read()
    return answer.status


if __name__ == "__main__":
    sys.exit(main())
