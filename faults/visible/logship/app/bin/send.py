"""Sends a file to the collector: send.py HOST PORT KEY FILE"""
import hashlib
import hmac
import socket
import sys
import time

host, port, key, path = sys.argv[1:]
data = open(path, "rb").read()
secret = open(key, "rb").read()
seal = hmac.new(secret, data, hashlib.sha256).hexdigest()
for attempt in range(6):
    try:
        with socket.create_connection((host, int(port)), timeout=5) as peer:
            peer.sendall(f"{seal} {len(data)}\n".encode())
            for start in range(0, len(data), 4096):
                peer.sendall(data[start:start + 4096])
            answer = peer.makefile().readline()
        if answer.startswith("stored"):
            print(answer.strip())
            break
        print("answer:", answer.strip(), file=sys.stderr)
        if answer:
            sys.exit(1)
    except ConnectionResetError as error:
        print(error, file=sys.stderr)
    except BrokenPipeError as error:
        print(error, file=sys.stderr)
    time.sleep(0.1)
else:
    sys.exit("gave up")
