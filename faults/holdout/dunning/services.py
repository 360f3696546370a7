"""Redis, perhaps behind one who dawdles, and an SMTP relay with its moods."""
import os, socket, socketserver, subprocess, sys, threading, time

sys.path.insert(0, os.environ["SUITE"])
from lib import service

port = int(os.environ["PORT"])


class Relay(socketserver.StreamRequestHandler):
    met = set()

    def say(self, text):
        self.wfile.write(text.encode() + b"\r\n")

    def handle(self):
        time.sleep(service.setting("BANNER_DELAY", 0.0))
        self.say("220 relay.test ESMTP")
        letters = 0
        for line in self.rfile:
            word = line[:4].upper().strip()
            if word == b"EHLO":
                self.say("250-relay.test\r\n250 SIZE 9000000")
            elif word == b"RCPT":
                new = line not in Relay.met
                Relay.met.add(line)
                if new and len(Relay.met) <= service.setting("GREY", 0):
                    self.say("451 4.7.1 come back later")
                else:
                    self.say("250 ok")
            elif word == b"DATA":
                self.say("354 go on")
                while self.rfile.readline() not in (b".\r\n", b""):
                    pass
                letters += 1
                time.sleep(service.setting("LETTER_DELAY", 0.0))
                self.say("250 kept")
                if letters == service.setting("LETTERS", 999):
                    return
            elif word == b"QUIT":
                self.say("221 bye")
                return
            else:
                self.say("250 ok")


class Dawdler(socketserver.BaseRequestHandler):
    """Hands all on to Redis, late."""

    def handle(self):
        with socket.create_connection(("127.0.0.1", port + 5)) as redis:
            while asked := self.request.recv(65536):
                time.sleep(service.setting("COUNTER_DELAY", 0.0))
                redis.sendall(asked)
                self.request.sendall(redis.recv(65536))


def tell(at, *words):
    for _ in range(400):
        done = subprocess.run(["redis-cli", "-p", str(at), *words], capture_output=True, text=True, check=False)
        if done.returncode == 0 and "refused" not in done.stdout + done.stderr:
            return
        time.sleep(0.02)
    sys.exit("Redis does not answer")


at = port + 5 if os.environ.get("COUNTER_DELAY") else port
subprocess.Popen(["redis-server", "--port", str(at), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no",
                  "--dir", "/", "--logfile", "/dev/null"], stdout=subprocess.DEVNULL)
tell(at, "PING")
if os.environ.get("COUNTER_FULL"):
    tell(at, "CONFIG", "SET", "maxmemory", "100kb")
servers = [service.Lines(("127.0.0.1", port + 1), Relay)]
if at != port:
    servers.append(service.Lines(("127.0.0.1", port), Dawdler))
service.serve(*servers)
