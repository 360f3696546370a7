"""The daemon that listens on a FIFO."""
import os, sys, threading

sys.path.insert(0, os.environ["SUITE"])
from lib import service


def listen():
    while True:
        with open("run/daemon.ctl") as orders:
            orders.read()


if not os.environ.get("NO_DAEMON"):
    threading.Thread(target=listen, daemon=True).start()
service.serve()
