"""The mail relay."""
import os, socketserver, sys, time

sys.path.insert(0, os.environ["SUITE"])
from lib import service


class Relay(socketserver.StreamRequestHandler):
    seen = 0

    def say(self, line):
        self.wfile.write(line.encode() + b"\r\n")

    def handle(self):
        Relay.seen += 1
        time.sleep(service.setting("DELAY", 0.0))
        if Relay.seen <= service.setting("BUSY", 0):
            return self.say("421 too busy")
        self.say("220 ready")
        for line in self.rfile:
            word = line.split()[0:1]
            if word == [b"DATA"]:
                self.say("354 go on")
                while self.rfile.readline().strip() != b".":
                    pass
                self.say(os.environ.get("VERDICT", "250 queued"))
            elif word == [b"QUIT"]:
                return self.say("221 bye")
            else:
                self.say("250 " + "ok " * service.setting("WORDS", 1))


port = int(os.environ["PORT"])
listening = [service.Lines(("127.0.0.1", port + 1), Relay)]
if not os.environ.get("DOWN"):
    listening.append(service.Lines(("127.0.0.1", port), Relay))
service.serve(*listening)
