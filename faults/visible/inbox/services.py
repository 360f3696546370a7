"""The classifier."""
import hashlib, os, socketserver, sys, time

sys.path.insert(0, os.environ["SUITE"])
from lib import service


class Classifier(socketserver.StreamRequestHandler):
    def handle(self):
        for line in self.rfile:
            time.sleep(service.setting("DELAY", 0.0))
            kind = os.environ.get("KIND") or ["bill", "letter", "other"][hashlib.md5(line).digest()[0] % 3]
            self.wfile.write(f"{kind}\n".encode())
            if os.environ.get("ONE_EACH"):
                return


port = int(os.environ["PORT"])
listening = [service.Lines(("127.0.0.1", port + 1), Classifier)]
if not os.environ.get("DOWN"):
    listening.append(service.Lines(("127.0.0.1", port), Classifier))
service.serve(*listening)
