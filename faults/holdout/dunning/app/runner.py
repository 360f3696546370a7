"""Sends reminders: runner.py --day DAY --most COUNT SETTINGS"""
import argparse
import configparser
import datetime
import email.message
import email.parser
import fcntl
import os
import pathlib
import smtplib
import sqlite3
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "bin"))
import counter


class Renderer:
    """A Perl process that answers each line of fields by a letter, ended by a line with a dot."""

    def __init__(self, program, day):
        self.child = subprocess.Popen(["perl", program, "templates", day], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def letter(self, *fields):
        self.child.stdin.write("\t".join(map(str, fields)) + "\n")
        self.child.stdin.flush()
        lines = []
        for line in self.child.stdout:
            if line == ".\n":
                return "".join(lines)
            lines.append(line)
        raise SystemExit(f"the renderer has gone, status {self.child.wait()}")

    def end(self):
        self.child.stdin.close()
        return self.child.wait()


class Relay:
    """An SMTP peer, connected anew when it hangs up."""

    def __init__(self, settings):
        self.settings, self.client, self.sent = settings, None, 0

    def send(self, message):
        for attempt in range(1, int(self.settings["tries"]) + 1):
            try:
                self.connect()
                self.client.send_message(message)
                self.sent += 1
                return True
            except smtplib.SMTPServerDisconnected:
                self.client = None
            except smtplib.SMTPRecipientsRefused as refused:
                code, words = next(iter(refused.recipients.values()))
                if code >= 500 or attempt == int(self.settings["tries"]):
                    print(f"refused: {code} {words.decode()}", file=sys.stderr)
                    return False
            time.sleep(int(self.settings["pause_ms"]) / 1000 * attempt)
        return False

    def connect(self):
        if self.client and self.sent % int(self.settings["per_connection"]) == 0:
            self.end()
        if self.client is None:
            host, _, port = self.settings["relay"].partition(":")
            self.client = smtplib.SMTP(host, int(port), local_hostname="dunning.test", timeout=8)

    def end(self):
        if self.client:
            self.client.quit()
        self.client = None


def bounces(base):
    """Marks the customers whose letters came back."""
    for entry in sorted(os.scandir("bounces/new"), key=lambda one: one.name):
        with open(entry.path) as file:
            back = email.parser.Parser().parse(file)
        base.execute("update customers set bounced = 1 where address = ?", (back["X-Failed-Recipients"],))
        os.rename(entry.path, os.path.join("bounces/done", entry.name))
    base.commit()


def main(options, settings):
    day = datetime.date.fromisoformat(options.day)
    base = sqlite3.connect(settings["ledger"], timeout=6)
    base.execute(f"pragma cache_size = -{settings['cache_kb']}")
    bounces(base)
    due = base.execute("select number, customer, amount, due from invoices where paid is null and due < ? order by number limit ?",
                       (options.day, options.most)).fetchall()
    known = counter.Client(settings["counter"])
    renderer, relay = Renderer(settings["renderer"], options.day), Relay(settings)
    sent = skipped = failed = 0
    for number, customer, amount, when in due:
        name, address, bounced, open_sum = base.execute(
            "select name, address, bounced, (select sum(amount) from invoices i where i.customer = c.id and paid is null) from customers c where id = ?",
            (customer,)).fetchone()
        late = (day - datetime.date.fromisoformat(when)).days
        level = min(3, 1 + late // 14)
        if bounced or not known.ask("HSETNX", f"dunned:{number}", f"level-{level}", options.day):
            skipped += 1
            continue
        message = email.message.EmailMessage()
        message["From"], message["To"], message["Subject"] = "billing@dunning.test", address, f"Reminder {level}, invoice {number}"
        message.set_content(renderer.letter(level, name, number, amount, when, late, open_sum))
        try:
            attached = pathlib.Path("attach", f"{number}.txt").read_bytes()
        except OSError as error:
            print(f"{number}: {error}", file=sys.stderr)
            failed += 1
            continue
        message.add_attachment(attached, maintype="application", subtype="octet-stream", filename=f"{number}.txt")
        pathlib.Path("spool", f"{number}.eml").write_bytes(bytes(message))
        if relay.send(message):
            base.execute("insert into reminders values(?,?,?)", (number, options.day, level))
            known.ask("INCR", f"count:{options.day}")
            sent += 1
        else:
            failed += 1
        if sent % 10 == 0:
            base.commit()
    base.commit()
    relay.end()
    status = renderer.end()
    print(f"{sent} sent, {skipped} skipped, {failed} failed")
    packed = subprocess.run(["sh", "bin/keep.sh", options.day], check=False).returncode
    return 1 if failed or status or packed else 0


parser = argparse.ArgumentParser()
parser.add_argument("--day", required=True)
parser.add_argument("--most", type=int, default=300)
parser.add_argument("settings")
options = parser.parse_args()
ini = configparser.ConfigParser()
with open(options.settings) as file:
    ini.read_file(file)
with open("var/runner.lock", "w") as lock:
    fcntl.lockf(lock, fcntl.LOCK_EX)
    lock.write(f"{os.getpid()}\n")
    lock.flush()
    sys.exit(main(options, ini["dunning"]))
