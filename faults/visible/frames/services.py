"""The labeller: a line in, a label out."""
import hashlib, os, socketserver, sys, time

sys.path.insert(0, os.environ["SUITE"])
from lib import service


class Labeller(socketserver.StreamRequestHandler):
    def handle(self):
        for number, line in enumerate(self.rfile):
            if number >= service.setting("HANGS_UP_AFTER", 1000):
                return
            time.sleep(service.setting("DELAY", 0.0))
            label = ["dock at low tide", "open water by night", "fog over the pier"][hashlib.md5(line).digest()[0] % 3]
            if "ANSWER" in os.environ:
                label = os.environ["ANSWER"]
            self.wfile.write(f"{label}\n".encode())


port = int(os.environ["PORT"])
listening = [service.Lines(("127.0.0.1", port + 1), Labeller)]
if not os.environ.get("DOWN"):
    listening.append(service.Lines(("127.0.0.1", port), Labeller))
service.serve(*listening)
