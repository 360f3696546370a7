"""The collector: takes a line with a length, the bytes, and answers."""
import os, socketserver, sys, time

sys.path.insert(0, os.environ["SUITE"])
from lib import service


class Collector(socketserver.StreamRequestHandler):
    seen = 0

    def handle(self):
        Collector.seen += 1
        name, length = self.rfile.readline().split()
        if Collector.seen <= service.setting("RESET_FIRST", 0):
            self.rfile.read(min(int(length), 2000))
            return
        data = self.rfile.read(int(length))
        time.sleep(service.setting("DELAY", 0.0))
        answer = os.environ.get("ANSWER", "stored")
        self.wfile.write(f"{answer} {len(data)}\n".encode())


port = int(os.environ["PORT"])
listening = [service.Lines(("127.0.0.1", port + 1), Collector)]
if not os.environ.get("DOWN"):
    listening.append(service.Lines(("127.0.0.1", port), Collector))
service.serve(*listening)
