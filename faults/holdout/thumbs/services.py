"""Takes albums."""
import os, sys

sys.path.insert(0, os.environ["SUITE"])
from lib import service


class Albums(service.Quiet):
    def do_PUT(self):
        left = int(self.headers["Content-Length"])
        while left > 0:
            left -= len(self.rfile.read(min(left, 65536)))
        status = service.setting("STATUS", 201)
        self.answer(status, b"taken\n" if status == 201 else b"<html>the quota of this account is used up</html>\n", kind="text/plain")


servers = [] if os.environ.get("DOWN") else [service.Threads(("127.0.0.1", int(os.environ["PORT"])), Albums)]
service.serve(*servers)
