"""Tax rates by a line protocol."""
import os, sys, time

sys.path.insert(0, os.environ["SUITE"])
from lib import service

import socketserver


class Tax(socketserver.StreamRequestHandler):
    def handle(self):
        for number, line in enumerate(self.rfile):
            time.sleep(service.setting("DELAY", 0.0))
            if number >= service.setting("ANSWERS", 99):
                return
            self.wfile.write(b"OK %d %s\n" % (18 + len(line) % 4, b"valid until further notice"))


service.serve(service.Lines(("127.0.0.1", int(os.environ["PORT"])), Tax))
