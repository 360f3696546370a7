"""A tax office that knows classes, a bank that takes orders."""
import os, socketserver, sys, time

sys.path.insert(0, os.environ["SUITE"])
from lib import service

BUSY = {"left": service.setting("BUSY", 0)}


class Office(service.Quiet):
    def do_POST(self):
        people = self.rfile.read(int(self.headers["Content-Length"])).decode().replace("%2C", ",").split(",")
        if BUSY["left"] > 0:
            BUSY["left"] -= 1
            return self.answer(503, b"busy", "text/plain")
        if os.environ.get("FORGETS"):
            return self.answer(200, b"", "text/plain")
        self.answer(200, " ".join(f"{person} {('I', 'II', 'III', 'IV', 'V')[int(person) % 5]}" for person in people).encode(), "text/plain")


class Bank(socketserver.StreamRequestHandler):
    def handle(self):
        def say(text):
            time.sleep(service.setting("BANK_DELAY", 0.0))
            self.wfile.write(text + b"\n")

        self.rfile.readline()
        say(b"220 good evening")
        length = int(self.rfile.readline().split()[1])
        say(b"354 go on")
        if os.environ.get("HANGS_UP"):
            return
        self.rfile.read(length + 1)
        say(os.environ.get("VERDICT", "250 taken").encode())
        self.rfile.readline()
        say(b"221 bye")


class Home(service.Quiet):
    def do_GET(self):
        self.answer(200, b"thanks")


port = int(os.environ["PORT"])
servers = [service.Lines(("127.0.0.1", port + 1), Bank), service.Threads(("127.0.0.1", port + 2), Home)]
if not os.environ.get("OFFICE_DOWN"):
    servers.append(service.Threads(("127.0.0.1", port), Office))
service.serve(*servers)
