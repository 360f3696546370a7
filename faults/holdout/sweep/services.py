"""Agents of a fleet, each at an address of its own, and the sink of the figures."""
import os, random, socketserver, sys, time

sys.path.insert(0, os.environ["SUITE"])
from lib import service

port = int(os.environ["PORT"])
addresses = dict(line.split()[1::-1] for line in open("etc/fleet.at"))
draw = random.Random(int(os.environ["SEED"]))
scale = float(os.environ["SCALE"])


def chosen(setting, name):
    return name in os.environ.get(setting, "").split()


class Agent(socketserver.StreamRequestHandler):
    def handle(self):
        name = self.server.name
        for line in self.rfile:
            time.sleep(0.15 if chosen("SLOW", name) else draw.uniform(0.001, 0.004))
            words = line.decode().split()
            if words[0] == "HELLO":
                self.wfile.write(f"agent 4.2 on {name}\n".encode())
            elif chosen("DENY", name):
                self.wfile.write(b"ERR not for you\n")
            else:
                self.wfile.write(self.value(words[1]).encode() + b".\n")

    def value(self, what):
        plain = {"load": f"{draw.uniform(0.3, 5):.2f}", "disk": draw.randrange(40, 90), "queue": draw.randrange(5, 60),
                 "age": draw.randrange(300, 80000), "certificate": draw.randrange(20, 80)}
        if what in plain:
            return f"OK {plain[what]} {what}\n"
        count = int(150 * scale * draw.uniform(0.9, 1.1)) * (40 if chosen("CHATTY", self.server.name) else 1)
        return "OK list\n" + "".join(f"package-{n} {draw.randrange(9)}.{draw.randrange(30)}\n" for n in range(count))


class Sink(service.Quiet):
    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        self.answer(service.setting("SINK_STATUS", 204), b"")


servers = [] if os.environ.get("NO_SINK") else [service.Threads(("127.0.0.1", port + 1), Sink)]
for name, address in addresses.items():
    if not chosen("DOWN", name):
        server = service.Lines((address, port), Agent)
        server.name = name
        servers.append(server)
service.serve(*servers)
