"""Pages of a service."""
import os, sys

sys.path.insert(0, os.environ["SUITE"])
from lib import service


class Pages(service.Quiet):
    def do_GET(self):
        self.answer(200, b'{"page": "%s"}' % (b"x" * 200))


port = int(os.environ["PORT"])
listening = [service.Threads(("127.0.0.1", port + 1), Pages)]
if not os.environ.get("DOWN"):
    listening.append(service.Threads(("127.0.0.1", port), Pages))
service.serve(*listening)
