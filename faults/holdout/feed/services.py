"""The partner's feed by TLS, twice."""
import base64, bz2, hashlib, hmac, os, pathlib, random, ssl, sys, tempfile

sys.path.insert(0, os.environ["SUITE"])
from lib import service

HERE = pathlib.Path(__file__).resolve().parent
port = int(os.environ["PORT"])
draw = random.Random(int(os.environ["SEED"]))
scale = float(os.environ["SCALE"])
houses = ["ams", "ber", "cph", "dub", "gva", "lis", "mil", "vie", "waw"]
if os.environ.get("OPENED"):
    houses.append(os.environ["OPENED"])


def part(house):
    rows = [f"p{draw.randrange(400):04},{house},{draw.randrange(1, 90)}\n" for _ in range(int(1300 * scale * draw.uniform(0.85, 1.15)))]
    return bz2.compress("".join(rows).encode())


def key():
    """The test server's key: of a phrase, so that no key lies in the repository."""
    number = hashlib.sha256(b"unspool feed partner").digest()
    body = b"\x02\x01\x01\x04\x20" + number + bytes.fromhex("a00a06082a8648ce3d030107")
    text = base64.encodebytes(b"\x30" + bytes([len(body)]) + body).decode()
    return f"-----BEGIN EC PRIVATE KEY-----\n{text}-----END EC PRIVATE KEY-----\n"


files = {f"stock-{house}.csv.bz2": part(house) for house in houses}
order = sorted(files, key=lambda _: draw.random())
index = "".join(f"{hashlib.sha256(files[name]).hexdigest()}  {name}\n" for name in order).encode()
seal = hmac.new(b"wharf-lantern-7719-orchid-03", index, "sha256").hexdigest().encode() + b"\n"
files |= {"index": index, "seal": seal}
if os.environ.get("SPOILED"):
    name = f"stock-{os.environ['SPOILED']}.csv.bz2"
    middle = len(files[name]) // 2
    files[name] = files[name][:middle] + bytes(255 - one for one in files[name][middle:middle + 8]) + files[name][middle + 8:]
if os.environ.get("LOST"):
    del files[f"stock-{os.environ['LOST']}.csv.bz2"]


class Feed(service.Quiet):
    seen = 0

    def do_GET(self):
        Feed.seen += 1
        if Feed.seen <= service.setting("BUSY_FIRST", 0):
            return self.answer(503, b"busy\n", headers=[("Retry-After", "0")])
        found = files.get(self.path.rpartition("/")[2])
        self.answer(404 if found is None else 200, found or b"not here\n", kind="application/octet-stream")


def server(at, certificate):
    one = service.Threads(("0.0.0.0", at), Feed)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    with tempfile.NamedTemporaryFile("w", suffix=".pem") as file:
        file.write(key())
        file.flush()
        context.load_cert_chain(HERE / "partner" / certificate, file.name)
    # The handshake is left to the thread of each connection.
    one.socket = context.wrap_socket(one.socket, server_side=True, do_handshake_on_connect=False)
    return one


servers = [server(port + 1, os.environ.get("MIRROR_CERTIFICATE", "server.crt"))]
if not os.environ.get("DOWN"):
    servers.append(server(port, os.environ.get("CERTIFICATE", "server.crt")))
service.serve(*servers)
