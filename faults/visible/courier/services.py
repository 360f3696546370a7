"""A post office."""
import os, sys

sys.path.insert(0, os.environ["SUITE"])
from lib import service

COUNT = {"taken": 0}


class Office(service.Quiet):
    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        COUNT["taken"] += 1
        number = self.path.rsplit("/", 1)[1]
        if os.environ.get("ODD"):
            return self.answer(200, f"refused {number} 0000\n".encode(), kind="text/plain")
        if COUNT["taken"] % 3 == 0 and os.environ.get("FLAKY"):
            return self.answer(502, b"bad gateway\n", kind="text/plain")
        self.answer(200, f"receipt {number} 4711\n".encode(), kind="text/plain")


service.serve(service.Threads(("127.0.0.1", int(os.environ["PORT"])), Office))
