"""Says where devices stand; takes word of a relay."""
import json, os, sys, time

sys.path.insert(0, os.environ["SUITE"])
from lib import service

BUSY = {"left": service.setting("BUSY", 0)}


class Places(service.Quiet):
    def do_POST(self):
        devices = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if BUSY["left"] > 0:
            BUSY["left"] -= 1
            return self.answer(503, b'{"error": "busy"}')
        if os.environ.get("FORGETS"):
            return self.answer(200, b"{}")
        self.answer(200, json.dumps({device: "ABCD"[int(device[-2:]) % 4] for device in devices}).encode())


class Hook(service.Quiet):
    def do_PUT(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        self.answer(service.setting("HOOK", 204), b"")


port = int(os.environ["PORT"])
listening = [service.Threads(("127.0.0.1", port), Places)]
if not os.environ.get("NO_HOOK"):
    listening.append(service.Threads(("127.0.0.1", port + 1), Hook))
service.serve(*listening)
