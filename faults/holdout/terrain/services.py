"""The cache of tiles by TCP, and the counter by UDP."""
import os, socket, socketserver, sys, threading, time

sys.path.insert(0, os.environ["SUITE"])
from lib import service


class Cache(socketserver.StreamRequestHandler):
    def handle(self):
        for line in self.rfile:
            if line == b"QUIT\n":
                return
            time.sleep(service.setting("DELAY", 0.0))
            self.wfile.write(b"OK %d\n" % (len(line) % 7))


def count(port):
    counter = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    counter.bind(("127.0.0.1", port))
    while True:
        counter.recv(512)


port = int(os.environ["PORT"])
threading.Thread(target=count, args=(port + 2,), daemon=True).start()
service.serve(*([] if os.environ.get("DOWN") else [service.Lines(("127.0.0.1", port), Cache)]))
