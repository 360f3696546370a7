"""The partner's interface by HTTP, the daemon of rates by a Unix socket, and who listens to traces."""
import itertools, json, os, pathlib, socketserver, sys, urllib.parse

sys.path.insert(0, os.environ["SUITE"])
from lib import service

PAGE = 25
offers = json.loads(pathlib.Path("../partner.json").read_text())
asked = itertools.count(1)


class Partner(service.Quiet):
    disable_nagle_algorithm = True

    def reply(self, status, value):
        headers = [("Retry-After", "0.2")] if status == 429 else []
        if os.environ.get("CLOSE"):
            headers.append(("Connection", "close"))
        self.answer(status, json.dumps(value).encode(), headers=headers)

    def body(self):
        return self.rfile.read(int(self.headers["Content-Length"]))

    def do_POST(self):
        self.body()
        if os.environ.get("LOCKED_OUT"):
            return self.reply(403, {"error": "client is suspended"})
        self.reply(200, {"token": "nightly"})

    def do_PUT(self):
        self.reply(200, {"taken": len(json.loads(self.body()))})

    def do_GET(self):
        if os.environ.get("LIMIT") and next(asked) % 2:
            return self.reply(429, {"error": "too many requests"})
        query = dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(self.path).query))
        number = int(query["page"])
        wanted = [offer for offer in offers[query["warehouse"]] if offer["updated"] >= query["since"]]
        wanted *= service.setting("TIMES", 1)
        query["page"] = number + 1
        more = number * PAGE < len(wanted)
        self.reply(200, {"offers": wanted[(number - 1) * PAGE:number * PAGE],
                         "next": "/offers?" + urllib.parse.urlencode(query) if more else None})


class Rates(socketserver.StreamRequestHandler):
    def handle(self):
        self.rfile.readline()
        self.wfile.write(json.dumps({"EUR": 1, "PLN": 0.2312, "SEK": 0.0871, "GBP": 1.1587}).encode())


class Traces(service.Quiet):
    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        self.answer(202, b"")


class Socket(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    daemon_threads = True


port = int(os.environ["PORT"])
servers = [service.Threads(("127.0.0.1", port), Partner), service.Threads(("127.0.0.1", port + 2), Traces)]
if os.environ.get("RATES") != "none":
    daemon = Socket("var/rates.sock", Rates)
    os.chmod("var/rates.sock", 0o777)
    servers.append(daemon)
    if os.environ.get("RATES") == "dead":
        servers.remove(daemon)
        daemon.socket.close()
service.serve(*servers)
