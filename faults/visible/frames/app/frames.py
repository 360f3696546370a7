"""Files the pictures of a day: frames.py DAY SETTINGS"""
import concurrent.futures
import configparser
import hashlib
import pathlib
import select
import socket
import sqlite3
import sys
import threading
import zlib


class Labels:
    """One connection for all threads."""

    def __init__(self, settings):
        self.peer = socket.create_connection((settings["host"], int(settings["port"])), 5)
        self.answers = self.peer.makefile()
        self.turn = threading.Lock()

    def of(self, name):
        with self.turn:
            self.peer.sendall(f"{name}\n".encode())
            answer = self.answers.readline().strip()
        if not answer:
            raise SystemExit(f"no label for {name}")
        return answer


def keep(path, labels, day):
    data = path.read_bytes()
    name = hashlib.sha1(data).hexdigest()[:12]
    out = pathlib.Path("vault") / name[:2] / f"{name[2:]}.z"
    out.parent.mkdir(exist_ok=True)
    out.write_bytes(zlib.compress(data[:2000]))
    index = sqlite3.connect("index.db", timeout=5)
    with index:
        index.execute("begin immediate")
        index.execute("insert into frames values (?, ?, ?, ?)", (day, path.stem, name, labels.of(name)))
        # The others find the index busy meanwhile.
        select.select([], [], [], 0.02)
    index.close()


def main(day, settings_path):
    settings = configparser.ConfigParser()
    if not settings.read(settings_path):
        raise SystemExit(f"no settings in {settings_path}")
    labels = Labels(settings["labels"])
    pictures = sorted((pathlib.Path("inbox") / day).iterdir())
    with concurrent.futures.ThreadPoolExecutor(settings.getint("work", "threads")) as pool:
        waiting = []
        for picture in pictures:
            waiting.append(pool.submit(keep, picture, labels, day))
            select.select([], [], [], settings.getfloat("work", "pace"))
        for one in waiting:
            one.result()
    print(f"{len(pictures)} pictures of {day}")


if __name__ == "__main__":
    try:
        main(*sys.argv[1:])
    except SystemExit as reason:
        print(f"frames: {reason}", file=sys.stderr)
        sys.exit(7)
