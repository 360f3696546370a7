"""The vault: takes files by PUT."""
import os, socket, struct, sys

sys.path.insert(0, os.environ["SUITE"])
from lib import service


class Vault(service.Quiet):
    seen = 0

    def do_PUT(self):
        Vault.seen += 1
        left = int(self.headers.get("Content-Length", 0))
        if os.environ.get("HANGS_UP") and left > 5000:
            self.rfile.read(2000)
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.connection.close()
            self.close_connection = True
            return
        while left > 0:
            left -= len(self.rfile.read(min(left, 65536)))
        if Vault.seen <= service.setting("BUSY_FIRST", 0):
            return self.answer(503, b"busy", kind="text/plain", headers=[("Retry-After", "0")])
        if Vault.seen > service.setting("QUOTA", 999):
            return self.answer(507, b"the quota is used up", kind="text/plain")
        self.answer(201, b"kept", kind="text/plain")


service.serve(service.Threads(("127.0.0.1", int(os.environ["PORT"])), Vault))
