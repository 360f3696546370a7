"""Upstream's repository by HTTP, and a proxy before it."""
import os, pathlib, sys, time, urllib.parse

sys.path.insert(0, os.environ["SUITE"])
from lib import service

ROOT = pathlib.Path("../upstream")


class Repository(service.Quiet):
    def do_GET(self):
        path = urllib.parse.urlsplit(self.path).path.lstrip("/")
        gone = path.startswith(service.setting("GONE", "-"))
        if gone or not (ROOT / path).is_file():
            return self.answer(404, b"no such file\n", "text/plain")
        body = (ROOT / path).read_bytes()
        if path.endswith(service.setting("CUT", "-")):
            return self.answer(200, body[:len(body) // 3], "application/octet-stream", claim=len(body))
        self.answer(200, body, "application/octet-stream")


class Proxy(Repository):
    def do_GET(self):
        time.sleep(0.04)
        super().do_GET()


port = int(os.environ["PORT"])
service.serve(service.Threads(("127.0.0.2", port), Repository), service.Threads(("127.0.0.1", port + 1), Proxy))
