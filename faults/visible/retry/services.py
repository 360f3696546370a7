"""Parts by HTTP; one of them is busy once a day. Results are taken by POST."""
import os, pathlib, sys, threading

sys.path.insert(0, os.environ["SUITE"])
from lib import service

lines, busy = map(int, pathlib.Path("lines").read_text().split())
seen = {}
lock = threading.Lock()


class Parts(service.Quiet):
    def do_GET(self):
        with lock:
            seen[self.path] = seen.get(self.path, 0) + 1
            times = seen[self.path]
        if self.headers.get("X-Token") != os.environ.get("TOKEN", "token-of-the-job"):
            return self.answer(401, b"who are you?")
        if self.path.startswith("/moved") is False and os.environ.get("MOVED"):
            return self.answer(302, b"", headers=[("Location", f"http://127.0.0.1:{port + 1}/moved{self.path}")])
        failures = service.setting("FAILURES", 0) or (1 if self.path == f"/part/{busy}" else 0)
        if times <= failures:
            return self.answer(503, b"busy, try again")
        body = f"{self.path} line of data\n".encode() * (lines // service.setting("SHORT", 1))
        if os.environ.get("CUT"):
            return self.answer(200, body[:len(body) // 3], claim=len(body))
        self.answer(200, body)

    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        if os.environ.get("NO_POST"):
            return self.answer(507, b"no room")
        self.answer(201, b"taken")


port = int(os.environ["PORT"])
servers = [service.Threads(("127.0.0.1", port + 1), Parts)]
if not os.environ.get("DOWN"):
    servers.append(service.Threads(("127.0.0.1", port), Parts))
service.serve(*servers)
