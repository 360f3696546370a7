"""Shared by the steps of the load."""
import sqlite3

VERSION = "2.1"


def connect(busy_ms):
    base = sqlite3.connect("var/shop.db", timeout=busy_ms / 1000)
    base.execute("pragma synchronous = normal")
    return base
