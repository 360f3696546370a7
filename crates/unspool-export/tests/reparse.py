#!/usr/bin/env python3
"""Reads every output form with parsers that nobody here wrote, and compares what comes out with the bytes that went in.

Standard input is JSON: {"expected": [[hex, number, [hex, ...]], ...], "forms": {name: text}}. Prints the number of cells compared.
"""

import csv
import html
import html.parser
import io
import json
import re
import sys
import xml.etree.ElementTree as ElementTree


def unescape(text):
    """Bytes behind the escaping that docs/schema describes; written from that description."""
    out = bytearray()
    at = 0
    while at < len(text):
        if text[at] != "\\":
            out += text[at].encode()
            at += 1
            continue
        kind = text[at + 1]
        at += 2
        if kind in "\\ntr":
            out += {"\\": b"\\", "n": b"\n", "t": b"\t", "r": b"\r"}[kind]
        elif kind == "x":
            out.append(int(text[at : at + 2], 16))
            at += 2
        elif kind == "u":
            end = text.index("}", at)
            out += chr(int(text[at + 1 : end], 16)).encode()
            at = end + 1
        else:
            raise ValueError(f"no such escape: \\{kind} in {text!r}")
    return bytes(out)


def from_json(text):
    for row in json.loads(text)["rows"]:
        yield [row["path"], row["bytes_read"], row["words"]]


def from_jsonl(text):
    for line in text.splitlines()[1:]:
        row = json.loads(line)
        yield [row["path"], row["bytes_read"], row["words"]]


def from_csv(text):
    lines = [line for line in text.split("\r\n") if not line.startswith("#")]
    for row in csv.DictReader(io.StringIO("\r\n".join(lines), newline="")):
        path = row["path"]
        if path[:1] == "'" and path[1:2] in set("=+-@#"):
            path = path[1:]
        yield [path, int(row["bytes_read"]), None]


def from_xml(text):
    for row in ElementTree.fromstring(text.encode()).iter("row"):
        assert [child.tag for child in row] == ["path", "bytes_read", "words"], [child.tag for child in row]
        words = [item.text or "" for item in row.find("words")]
        yield [row.find("path").text or "", int(row.find("bytes_read").text), words]


def from_markdown(text):
    rows = [line for line in text.splitlines() if line.startswith("|")][2:]
    for line in rows:
        # A backslash before a bar belongs to the cell: split by hand.
        cells, cell, at = [], "", 1
        while at < len(line):
            if line[at] == "\\":
                cell += line[at : at + 2]
                at += 2
            elif line[at] == "|":
                cells.append(cell)
                cell = ""
                at += 1
            else:
                cell += line[at]
                at += 1
        assert cell == "" and len(cells) == 3, line
        # CommonMark 2.4 and 2.5: a backslash takes the meaning of punctuation, references are characters.
        parts = re.split(r"\\([!-/:-@\[-`{-~])", cells[0][1:-1])
        path = "".join(part if index % 2 else html.unescape(part) for index, part in enumerate(parts))
        yield [path, None, None]


class Cells(html.parser.HTMLParser):
    def __init__(self):
        super().__init__()
        self.rows, self.cell, self.tags = [], None, set()

    def handle_starttag(self, tag, attrs):
        self.tags.add(tag)
        if tag == "tr":
            self.rows.append([])
        if tag == "td":
            self.cell = ["", dict(attrs).get("data-value")]

    def handle_endtag(self, tag):
        if tag == "td":
            self.rows[-1].append(self.cell)
            self.cell = None

    def handle_data(self, data):
        if self.cell is not None:
            self.cell[0] += data


def from_html(text):
    parser = Cells()
    parser.feed(text)
    parser.close()
    known = {"html", "head", "meta", "title", "style", "body", "p", "table", "thead", "tbody", "tr", "th", "td"}
    assert parser.tags <= known, parser.tags - known
    for row in parser.rows[1:]:
        yield [row[0][0], int(row[1][1]), None]


READERS = {
    "json": from_json,
    "jsonl": from_jsonl,
    "csv": from_csv,
    "xml": from_xml,
    "md": from_markdown,
    "html-table": from_html,
}


def main():
    given = json.load(sys.stdin)
    compared = 0
    for form, read in READERS.items():
        rows = list(read(given["forms"][form]))
        assert len(rows) == len(given["expected"]), (form, len(rows))
        for (path, number, words), (path_hex, number_in, words_in) in zip(rows, given["expected"]):
            assert unescape(path) == bytes.fromhex(path_hex), (form, path, path_hex)
            assert number is None or number == number_in, (form, number)
            if words is not None:
                assert [unescape(word) for word in words] == [bytes.fromhex(word) for word in words_in], (form, words)
            compared += 1
    print(compared)


main()
