"""Exchange rates by HTTP."""
import json, os, sys

sys.path.insert(0, os.environ["SUITE"])
from lib import service


class Rates(service.Quiet):
    seen = 0

    def do_GET(self):
        Rates.seen += 1
        if Rates.seen <= service.setting("FAIL_FIRST", 0):
            return self.answer(503, b"busy")
        body = json.dumps({"day": self.path, "rates": {"EUR": 1.0, "USD": 0.92, "JPY": 0.0061},
                           "note": "x" * service.setting("NOTE", 1800)}).encode()
        if os.environ.get("EMPTY"):
            body = b'{"rates": {}}'
        self.answer(200, body)


class Home(service.Quiet):
    def do_GET(self):
        self.answer(200, b"thanks")


port = int(os.environ["PORT"])
servers = [service.Threads(("127.0.0.1", port + 1), Home)]
if not os.environ.get("DOWN"):
    servers.append(service.Threads(("127.0.0.1", port), Rates))
service.serve(*servers)
