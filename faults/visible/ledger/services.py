"""Rates, and an archive."""
import os, sys

sys.path.insert(0, os.environ["SUITE"])
from lib import service


class Archive(service.Quiet):
    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        status = service.setting("ARCHIVE", 200)
        self.answer(status, b"kept\n" if status == 200 else b"the archive is being moved, please come again later\n", kind="text/plain")


class Rates(service.Quiet):
    def do_GET(self):
        self.answer(200, os.environ.get("RATES", "EUR 1.0\nUSD 1.09\nCHF 0.95\nNOK 11.62\n").encode(), kind="text/plain")


port = int(os.environ["PORT"])
service.serve(service.Threads(("127.0.12.1", port), Archive), service.Threads(("127.0.12.2", port + 1), Rates))
