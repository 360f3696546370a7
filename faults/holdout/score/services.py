"""Counts of cards by TCP, a sink of figures by UDP, a desk by HTTP."""
import os, socketserver, sys, time

sys.path.insert(0, os.environ["SUITE"])
from lib import service


class Counter(socketserver.StreamRequestHandler):
    def handle(self):
        for number, line in enumerate(self.rfile):
            time.sleep(service.setting("COUNTER_DELAY", 0.002))
            if number == service.setting("ANSWERS", 1 << 30):
                return
            self.wfile.write(b" ".join(b"%d" % (int(card) % 7 // 5) for card in line.split()) + b"\n")


class Figures(socketserver.BaseRequestHandler):
    def handle(self):
        pass


class Desk(service.Quiet):
    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        self.answer(service.setting("DESK", 201), b"")


port = int(os.environ["PORT"])
servers = [socketserver.ThreadingUDPServer(("127.0.0.1", port + 1), Figures), socketserver.ThreadingUDPServer(("127.0.0.1", port + 4), Figures)]
if not os.environ.get("COUNTER_DOWN"):
    servers.append(service.Lines(("127.0.0.1", port), Counter))
if not os.environ.get("DESK_DOWN"):
    servers.append(service.Threads(("127.0.0.1", port + 2), Desk))
service.serve(*servers)
