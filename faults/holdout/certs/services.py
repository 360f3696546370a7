"""A CA that signs, two edges that take archives, a proxy that reloads."""
import http.server, os, random, socketserver, subprocess, sys, time

sys.path.insert(0, os.environ["SUITE"])
from lib import service

LIMITED = {"left": service.setting("LIMITED", 0)}


class CA(service.Quiet):
    def do_POST(self):
        request = self.rfile.read(int(self.headers["Content-Length"]))
        time.sleep(service.setting("CA_DELAY", 0.0))
        if LIMITED["left"] > 0:
            LIMITED["left"] -= 1
            return self.answer(429, b'{"error": "too many requests"}')
        sign = ["openssl", "x509", "-req", "-CA", os.environ.get("CHAIN", "conf/chain.pem"), "-CAkey", "peers/ca.key", "-days", "90", "-copy_extensions", "copy",
                "-set_serial", str(random.getrandbits(60))]
        self.answer(200, subprocess.run(sign, input=request, capture_output=True, check=True).stdout, "application/x-pem-file")


class EdgeA(service.Quiet):
    def do_PUT(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        self.answer(201, b"")


class EdgeB(EdgeA):
    def do_PUT(self):
        if os.environ.get("EDGE_REFUSES"):
            self.close_connection = True
            return self.answer(403, b"not on the list")
        super().do_PUT()


class Proxy(service.Quiet):
    def do_POST(self):
        self.answer(200, b"")

    def address_string(self):
        return "local"


class Socket(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    daemon_threads = True


class Home(service.Quiet):
    def do_GET(self):
        self.answer(200, b"thanks")


port = int(os.environ["PORT"])
servers = [service.Threads(("127.0.0.1", port + 1), EdgeA), service.Threads(("127.0.0.1", port + 2), EdgeB), service.Threads(("127.0.0.1", port + 3), Home)]
if not os.environ.get("CA_DOWN"):
    servers.append(service.Threads(("127.0.0.1", port), CA))
if not os.environ.get("PROXY_DOWN"):
    servers.append(Socket("var/proxy.sock", Proxy))
    os.chmod("var/proxy.sock", 0o777)
service.serve(*servers)
