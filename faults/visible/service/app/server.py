"""A shop's item pages: server.py CONFIG"""
import configparser
import http.server
import os
import socket
import socketserver
import sqlite3
import sys
import threading

settings = configparser.ConfigParser()
settings.read(sys.argv[1])
settings = settings["server"]
held = []


def log(line):
    with open(settings["log"], "a") as file:
        file.write(line + "\n")
        if settings["flush"] == "yes":
            file.flush()
            os.fsync(file.fileno())


def price(item):
    host, port = settings["prices"].split(":")
    for attempt in range(3):
        with socket.create_connection((host, int(port)), timeout=3) as peer:
            peer.sendall(f"item {item}\n".encode())
            answer = peer.makefile().readline()
        if answer:
            return answer.strip()
        log(f"no price, attempt {attempt}")
    raise OSError("the backend hangs up")


def metrics():
    if settings["metrics"]:
        host, port = settings["metrics"].split(":")
        with socket.create_connection((host, int(port)), timeout=3) as peer:
            peer.sendall(b"hit 1\n")


class Pages(http.server.BaseHTTPRequestHandler):
    def log_message(self, *_):
        pass

    def do_POST(self):
        threading.Thread(target=self.server.shutdown).start()
        self.reply(200, b"bye")

    def do_GET(self):
        try:
            item = int(self.path.rsplit("/", 1)[1])
            base = sqlite3.connect("var/items.db")
            name, stock = base.execute("select name, stock from items where id = ?", (item,)).fetchone()
            if settings["cache"] != "leak":
                base.close()
            else:
                held.append(open(settings["template"]))
            with open(settings["template"]) as file:
                page = file.read().format(name=name, stock=stock, price=price(item))
            metrics()
            self.reply(200, page.encode())
        except ValueError:
            self.reply(404, b"no such page")
        except (OSError, sqlite3.Error, TypeError) as error:
            log(f"error: {error}")
            self.reply(500, b"sorry")

    def reply(self, status, body):
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
        log(f"{self.path} {status}")


class Server(socketserver.ThreadingMixIn, http.server.HTTPServer):
    daemon_threads = True
    allow_reuse_address = True


Server(("127.0.0.1", int(settings["port"])), Pages).serve_forever(poll_interval=0.05)
