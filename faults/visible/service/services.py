"""The price backend, and the clients that ask the service."""
import os, pathlib, random, socketserver, sys, threading, time, http.client

sys.path.insert(0, os.environ["SUITE"])
from lib import service


class Prices(socketserver.StreamRequestHandler):
    def handle(self):
        for line in self.rfile:
            time.sleep(service.setting("DELAY", 0.0))
            if os.environ.get("HANG_UP"):
                return
            self.wfile.write(b"price %d %s\n" % (len(line), b"." * service.setting("PAD", 40)))


def clients(port):
    count, seed = map(int, pathlib.Path("requests").read_text().split())
    draw = random.Random(seed)
    deadline = time.monotonic() + 15
    while time.monotonic() < deadline:
        try:
            http.client.HTTPConnection("127.0.0.1", port, timeout=2).connect()
            break
        except OSError:
            time.sleep(0.02)

    def ask(numbers):
        for path in numbers:
            try:
                peer = http.client.HTTPConnection("127.0.0.1", port, timeout=4)
                peer.request("GET", path)
                peer.getresponse().read()
                peer.close()
            except OSError:
                time.sleep(0.02)
    paths = [f"/item/{draw.randrange(900)}" for _ in range(count)]
    paths += ["/admin/setup.php"] * service.setting("PROBES", 0)
    workers = [threading.Thread(target=ask, args=(paths[part::2],)) for part in range(2)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    for _ in range(20):
        try:
            peer = http.client.HTTPConnection("127.0.0.1", port, timeout=2)
            peer.request("POST", "/quit")
            peer.getresponse().read()
            return
        except OSError:
            time.sleep(0.05)


port = int(os.environ["PORT"])
threading.Thread(target=clients, args=(port + 1,), daemon=True).start()
listening = [service.Lines(("127.0.0.1", port + 2), Prices)]
if not os.environ.get("DOWN"):
    listening.append(service.Lines(("127.0.0.1", port), Prices))
service.serve(*listening)
