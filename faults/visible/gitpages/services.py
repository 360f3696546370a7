"""The checker of published pages."""
import os, sys

sys.path.insert(0, os.environ["SUITE"])
from lib import service


class Checker(service.Quiet):
    def do_GET(self):
        self.answer(service.setting("STATUS", 200), b'{"links": "fine", "pages": 12}')


port = int(os.environ["PORT"])
listening = [service.Threads(("127.0.0.1", port + 1), Checker)]
if not os.environ.get("DOWN"):
    listening.append(service.Threads(("127.0.0.1", port), Checker))
service.serve(*listening)
