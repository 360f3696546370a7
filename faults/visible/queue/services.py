"""Redis with the day's tasks, pictures and labels by HTTP, and some others."""
import json, os, random, subprocess, sys, threading, time

sys.path.insert(0, os.environ["SUITE"])
from lib import service

draw = random.Random(int(os.environ["SEED"]))
port = int(os.environ["PORT"])
tasks = [f"{draw.getrandbits(48):012x}" for _ in range(int(36 * float(os.environ["SCALE"])))]


class Pictures(service.Quiet):
    seen = 0

    def do_GET(self):
        Pictures.seen += 1
        if Pictures.seen <= service.setting("BUSY_FIRST", 0):
            return self.answer(503, b"busy")
        name = self.path.rpartition("/")[2]
        if os.environ.get("ELSEWHERE") and self.server.server_port == port + 1:
            return self.answer(302, b"", headers=[("Location", f"http://127.0.0.1:{port + 4}/picture/{name}")])
        size = service.setting("HUGE", 0) if name == tasks[5] else 0
        self.answer(200, random.Random(name).randbytes(size or 2500 + int(name[:3], 16) % 1500), kind="image/x")


class Labels(service.Quiet):
    def do_GET(self):
        time.sleep(service.setting("LABEL_DELAY", 0.0))
        body = {"name": f"kind-{sum(self.path.encode()) % 30}", "sure": 0.5, "text": "a thing in a picture " * 12}
        self.answer(200, b"{}" if os.environ.get("NO_LABELS") else json.dumps(body).encode())


class Others(service.Quiet):
    def do_GET(self):
        self.answer(200, b"noted")


def redis(at, *options):
    subprocess.Popen(["redis-server", "--port", str(at), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no",
                      "--dir", "/", "--logfile", "/dev/null", *options], stdout=subprocess.DEVNULL)


def tell(at, *words, feed=None):
    """Asks by redis-cli, until the server answers."""
    for _ in range(400):
        done = subprocess.run(["redis-cli", "-p", str(at), *words], input=feed, capture_output=True, text=True, check=False)
        if done.returncode == 0 and "refused" not in done.stdout + done.stderr:
            return
        time.sleep(0.02)
    sys.exit("Redis does not answer")


def pause():
    while True:
        subprocess.run(["redis-cli", "-p", str(port), "CLIENT", "PAUSE", "90", "ALL"], capture_output=True, check=False)
        time.sleep(0.2)


if not os.environ.get("NO_REDIS"):
    redis(port)
    tell(port, "PING")
    tell(port, feed="".join(f'RPUSH tasks \'{json.dumps({"picture": one})}\'\n' for one in tasks))
    if os.environ.get("PASSWORD"):
        tell(port, "CONFIG", "SET", "requirepass", os.environ["PASSWORD"])
    if os.environ.get("READ_ONLY"):
        tell(port, "REPLICAOF", "127.0.0.1", "1")
    if os.environ.get("PAUSES"):
        threading.Thread(target=pause, daemon=True).start()
if os.environ.get("SECOND_REDIS"):
    redis(port + 5)
    tell(port + 5, "PING")
service.serve(
    service.Threads(("127.0.0.1", port + 1), Pictures),
    service.Threads(("127.0.0.1", port + 2), Labels),
    service.Threads(("127.0.0.1", port + 3), Others),
    service.Threads(("127.0.0.1", port + 4), Pictures),
)
