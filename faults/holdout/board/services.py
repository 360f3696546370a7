"""Forecasts and prices by HTTP, a test peer of prices, and one that counts users."""
import json, os, socket, struct, sys

sys.path.insert(0, os.environ["SUITE"])
from lib import service

port = int(os.environ["PORT"])


class Forecast(service.Quiet):
    seen = 0

    def do_GET(self):
        Forecast.seen += 1
        if Forecast.seen <= service.setting("RESETS", 0):
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.connection.close()
            self.close_connection = True
            return None
        return self.answer(200, json.dumps({"high": len(self.path) % 30, "text": "mild and dry " * 60}).encode())


class Prices(service.Quiet):
    def do_GET(self):
        os.environ["DELAY"], delay = "0", os.environ.get("DELAY", "0")
        self.answer(200, json.dumps({f"z{number}": number * 1.5 for number in range(5)}).encode())
        os.environ["DELAY"] = delay


class Users(service.Quiet):
    def do_GET(self):
        self.answer(200, b"counted")


service.serve(
    service.Threads(("127.0.0.1", port), Forecast),
    service.Threads(("127.0.0.1", port + 1), Prices),
    service.Threads(("127.0.0.1", port + 2), Prices),
    service.Threads(("127.0.0.1", port + 3), Users),
)
