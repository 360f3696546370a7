"""Loads the orders of one day: ingest.py DAY FILE"""
import configparser
import csv
import json
import os
import sys
import time
import urllib.error
import urllib.request

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import shoplib

settings = configparser.ConfigParser()
settings.read_dict({"ingest": {"rates": "http://127.0.0.1:18101/rates", "retries": "2", "commit": "day", "busy_ms": "3000"}})
settings.read("conf/ingest.ini")
settings = settings["ingest"]


def rates(day):
    for attempt in range(int(settings["retries"])):
        try:
            with urllib.request.urlopen(f"{settings['rates']}?day={day}", timeout=5) as answer:
                return json.load(answer)["rates"]
        except urllib.error.HTTPError as error:
            print(f"rates: attempt {attempt}: {error}")
            time.sleep(0.05)
    raise SystemExit("no rates")


def main(day, path):
    with open(path, newline="") as file:
        orders = list(csv.DictReader(file))
    known = rates(day)
    base = shoplib.connect(int(settings["busy_ms"]))
    for order in orders:
        base.execute("insert into orders values(?,?,?,?)",
                     (day, order["id"], order["customer"], float(order["amount"]) * known.get(order["currency"], 0)))
        if settings["commit"] == "row" and int(order["id"]) < 150:
            base.commit()
    base.commit()
    print(f"{len(orders)} orders, {len(known)} rates, shoplib {shoplib.VERSION}")


main(*sys.argv[1:])
