"""Local peers of the jobs, with the faults that peers have."""

import http.server
import os
import pathlib
import socketserver
import threading
import time


def setting(name, default):
    """A behaviour, set by the fault through the environment."""
    return type(default)(os.environ.get(name, default))


def ready():
    """Tells the suite that all services listen."""
    pathlib.Path(os.environ["READY"]).touch()


class Quiet(http.server.BaseHTTPRequestHandler):
    """An HTTP peer that says nothing on stderr."""

    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def answer(self, status, body, kind="application/json", headers=(), claim=None):
        time.sleep(setting("DELAY", 0.0))
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body) if claim is None else claim))
        for name, value in headers:
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)
        if claim is not None:
            self.close_connection = True


class Threads(socketserver.ThreadingMixIn, http.server.HTTPServer):
    daemon_threads = True
    allow_reuse_address = True
    request_queue_size = 64

    def handle_error(self, *_):
        """A job that hangs up is the job's matter."""


class Lines(socketserver.ThreadingMixIn, socketserver.TCPServer):
    daemon_threads = True
    allow_reuse_address = True

    def handle_error(self, *_):
        """A job that hangs up is the job's matter."""


def serve(*servers):
    """Serves until the suite ends it."""
    for server in servers:
        threading.Thread(target=server.serve_forever, daemon=True).start()
    ready()
    threading.Event().wait()
