"""The site's health, and a counter that nobody asked for."""
import json, os, sys

sys.path.insert(0, os.environ["SUITE"])
from lib import service


class Health(service.Quiet):
    def do_GET(self):
        self.answer(200, json.dumps({"ok": True, "release": self.path.partition("=")[2], "checks": ["disk", "cache"] * 20}).encode())


class Counter(service.Quiet):
    def do_GET(self):
        os.environ["DELAY"] = "0"
        self.answer(200, b"counted")


port = int(os.environ["PORT"])
servers = [service.Threads(("127.0.0.1", port + 1), Counter)]
if not os.environ.get("DOWN"):
    servers.append(service.Threads(("127.0.0.1", port), Health))
service.serve(*servers)
