#!/usr/bin/env python3
"""Checks the stated truth of every job against what strace sees of it.

    jobs/check_with_strace.py [NAME...]

Builds each job in a folder of its own, runs it under `strace -f -yy`, and compares. It reads strace's lines by itself and
shares no code with unspool, so that the two can disagree.
"""
import fnmatch
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
LINE = re.compile(rb"^(\d+) +(.*)$", re.S)
READS = {b"read", b"pread64", b"readv", b"preadv", b"preadv2", b"recvfrom", b"recvmsg"}
WRITES = {b"write", b"pwrite64", b"writev", b"pwritev", b"pwritev2", b"sendto", b"sendmsg"}
CREATORS = {b"fork", b"vfork", b"clone", b"clone3"}
SIGNALS = {b"SIGABRT": 6, b"SIGKILL": 9, b"SIGSEGV": 11, b"SIGTERM": 15}


def unescape(text):
    """The bytes of a string as strace prints it."""
    simple = {b"n": b"\n", b"t": b"\t", b"r": b"\r", b"v": b"\v", b"f": b"\f"}

    def one(match):
        code = match.group(1)
        if code[:1] == b"x":
            return bytes([int(code[1:], 16)])
        return bytes([int(code, 8)]) if code.isdigit() else simple.get(code, code)

    return re.sub(rb"\\(x[0-9a-f]{2}|[0-7]{1,3}|.)", one, text, flags=re.S)


def strings(text):
    return [unescape(found) for found in re.findall(rb'"((?:[^"\\]|\\.)*)"', text)]


class Process:
    def __init__(self, pid, parent):
        self.pid, self.parent = pid, parent
        self.threads, self.execs, self.exe, self.argv, self.exit = 1, 0, None, None, None


class Trace:
    """What one trace says."""

    def __init__(self, lines, work, before):
        self.work, self.before = os.fsencode(work), before
        self.processes, self.order, self.leader = {}, [], {}
        self.files, self.sockets = {}, {}
        self.pipe_read = self.pipe_written = 0
        self.servers, self.clients = set(), set()
        self.pending = {}
        for line in lines:
            match = LINE.match(line)
            if match:
                self.line(int(match.group(1)), match.group(2))

    def process(self, tid):
        leader = self.leader.get(tid, tid)
        if leader not in self.processes:
            self.add(leader, None)
        return self.processes[leader]

    def add(self, pid, parent):
        process = self.processes.get(pid)
        if process is None:
            process = self.processes[pid] = Process(pid, parent)
            self.order.append(process)
        elif parent is not None:
            process.parent = parent

    def file(self, path):
        path = os.path.normpath(os.path.join(self.work, path))
        entry = dict(bytes_read=0, bytes_written=0, created=False, deleted=False, failed=0, executed=False)
        entry.update(read_by=set(), written_by=set(), renamed_to=None)
        return self.files.setdefault(path, entry)

    def line(self, tid, text):
        if text.startswith(b"+++"):
            self.ended(tid, text)
            return
        if text.endswith(b"<unfinished ...>"):
            self.pending[tid] = text[: -len(b"<unfinished ...>")]
            return
        resumed = re.match(rb"<\.\.\. (\w+) resumed>(.*)$", text, re.S)
        if resumed:
            text = self.pending.pop(tid, b"") + resumed.group(2)
        call = re.match(rb"(\w+)\((.*)\) += (-?\d+|\?|0x[0-9a-f]+)(.*)$", text, re.S)
        if call:
            name, arguments, result, rest = call.groups()
            # `umask` prints octal numbers; nothing here looks at them.
            number = int(result, 16 if result.startswith(b"0x") else 10) if result != b"?" else None
            self.call(tid, name, arguments, number, rest)

    def ended(self, tid, text):
        if b"superseded by execve in pid" in text:
            # The thread that called exec goes on under the number of the leader.
            self.pending[tid] = self.pending.pop(int(text.split()[-2]), b"")
            return
        if self.leader.get(tid, tid) != tid:
            return
        code = re.match(rb"\+\+\+ exited with (\d+)", text)
        signal = re.match(rb"\+\+\+ killed by (\w+)", text)
        self.process(tid).exit = {"code": int(code.group(1))} if code else {"signal": SIGNALS[signal.group(1)]}

    def call(self, tid, name, arguments, result, rest):
        process = self.process(tid)
        if name in CREATORS and result and result > 0:
            if b"CLONE_THREAD" in arguments:
                self.leader[result] = process.pid
                process.threads += 1
                # Its first calls may stand before the line that says whose thread it is.
                self.order = [early for early in self.order if early.pid != result]
                self.processes.pop(result, None)
            else:
                self.add(result, process.pid)
        elif name == b"execve" and result == 0:
            found = strings(arguments)
            process.execs += 1
            process.exe, process.argv = os.path.basename(found[0]), found[1:]
            self.file(found[0])["executed"] = True
        elif name in READS or name in WRITES:
            self.moved(process, name in READS, arguments, result)
        elif name in (b"open", b"openat", b"creat"):
            self.opened(name, arguments, result, rest)
        elif name in (b"unlink", b"unlinkat"):
            entry = self.file(strings(arguments)[0])
            entry["deleted"] |= result == 0
            entry["failed"] += result != 0
        elif name in (b"rename", b"renameat", b"renameat2") and result == 0:
            old, new = strings(arguments)
            self.file(old)["renamed_to"] = new
        elif name in (b"accept", b"accept4") and result is not None and result >= 0:
            self.servers.add(self.socket_of(rest))
        elif name == b"connect" and result == 0 and b"AF_INET" in arguments:
            self.clients.add(re.match(rb"\d+<(?:TCP|socket):\[(\d+)", arguments).group(1))

    @staticmethod
    def socket_of(text):
        return re.search(rb"<TCP:\[(.*?)\]>", text).group(1)

    def opened(self, name, arguments, result, rest):
        entry = self.file(strings(arguments)[0])
        if result < 0:
            entry["failed"] += 1
            return
        path = strings(arguments)[0]
        makes = name == b"creat" or b"O_CREAT" in arguments
        entry["created"] |= makes and os.path.join(self.work, path) not in self.before

    def moved(self, process, reads, arguments, result):
        target = re.match(rb"\d+<((?:->|[^<>\\]|\\.)*)", arguments, re.S)
        if target is None or result is None or result < 0:
            return
        name = unescape(target.group(1))
        if name.startswith(b"pipe:"):
            if reads:
                self.pipe_read += result
            else:
                self.pipe_written += result
        elif name.startswith(b"TCP:["):
            entry = self.sockets.setdefault(name[5:].rstrip(b"]"), [0, 0])
            entry[0 if reads else 1] += result
        elif name.startswith(b"/"):
            entry = self.file(name)
            entry["bytes_read" if reads else "bytes_written"] += result
            entry["read_by" if reads else "written_by"].add(process.pid)


class Check:
    """Compares a trace with the truth and collects the differences."""

    def __init__(self, truth, trace, work, source, status):
        self.truth, self.trace, self.work, self.source = truth, trace, work, source
        self.faults = []
        expected = truth["exit"]
        self.equal("exit", {"signal": -status} if status < 0 else {"code": status}, expected)
        self.processes()
        for entry in truth["files"]:
            self.file(entry)
        if truth["pipes"]:
            pipes = {"bytes_read": trace.pipe_read, "bytes_written": trace.pipe_written}
            self.equal("pipes", pipes, truth["pipes"])
        for entry in truth["connections"]:
            self.connections(entry)

    def equal(self, what, found, expected):
        if found != expected:
            self.faults.append(f"{what}: found {found!r}, stated {expected!r}")

    def fill(self, text):
        return text.replace("{work}", self.work).replace("{source}", self.source)

    def processes(self):
        """Finds for each stated process those that fit, parents first."""
        self.by_id, used = {}, set()
        for stated in self.truth["processes"]:
            parents = {process.pid for process in self.by_id.get(stated["parent"], [])}
            fits = [p for p in self.trace.order if p.pid not in used and self.fits(p, stated, parents)][: stated["count"]]
            self.equal(f"process {stated['id']}", len(fits), stated["count"])
            self.by_id[stated["id"]] = fits
            used |= {process.pid for process in fits}
        if self.truth["processes_exact"]:
            self.equal("processes", len(self.trace.order), len(used))

    def fits(self, process, stated, parents):
        argv = stated["argv"] and [os.fsencode(self.fill(word)) for word in stated["argv"]]
        exe, ancestor = process.exe, process
        while exe is None and ancestor.parent is not None:
            ancestor = self.trace.processes[ancestor.parent]
            exe = ancestor.exe
        return (
            (process.parent in parents if stated["parent"] else process.parent is None)
            and (os.fsdecode(exe or b"") == stated["exe"] or os.fsdecode(exe or b"").endswith("-" + stated["exe"]))
            and (argv is None or process.argv == argv)
            and process.exit == stated["exit"]
            and process.threads == stated["threads"]
            and process.execs == stated["execs"]
        )

    def paths(self, entry):
        if "path_glob" in entry:
            pattern = os.path.join(self.work, entry["path_glob"])
            return [path for path in self.trace.files if fnmatch.fnmatch(os.fsdecode(path), pattern)]
        name = bytes.fromhex(entry["path_hex"]) if "path_hex" in entry else os.fsencode(entry["path"])
        return [os.path.join(os.fsencode(self.work), name)]

    def file(self, entry):
        paths = self.paths(entry)
        if not paths:
            self.faults.append(f"file {entry}: not seen")
        for path in paths:
            found = self.trace.files.get(path)
            if found is None:
                self.faults.append(f"file {path!r}: not seen")
                continue
            for key, expected in entry.items():
                if key.startswith("path") or expected is None:
                    continue
                if key == "renamed_to_hex":
                    self.equal(f"file {path!r} renamed", found["renamed_to"], bytes.fromhex(expected))
                elif key in ("read_by", "written_by"):
                    pids = {process.pid for name in expected for process in self.by_id[name]}
                    self.equal(f"file {path!r} {key}", found[key], pids)
                else:
                    self.equal(f"file {path!r} {key}", found[key], expected)

    def connections(self, entry):
        """The sockets of one side: those that accept gave, or all others."""
        server = entry["role"] == "server"
        ends = {name: moved for name, moved in self.trace.sockets.items() if (name in self.trace.servers) == server}
        found = dict(
            entry,
            count=len(ends),
            bytes_received=sum(moved[0] for moved in ends.values()),
            bytes_sent=sum(moved[1] for moved in ends.values()),
        )
        self.equal(f"connections as {entry['role']}", found, entry)
        if not server:
            self.equal("connects", len(self.trace.clients), entry["count"])


def check(name):
    source = os.path.join(HERE, name)
    with open(os.path.join(source, "truth.json"), encoding="utf-8") as file:
        truth = json.load(file)
    work = os.path.realpath(tempfile.mkdtemp(prefix="unspool-job-"))
    log = tempfile.NamedTemporaryFile(prefix="unspool-log-", delete=False)
    fill = lambda word: word.replace("{work}", work).replace("{source}", source)
    try:
        for command in truth["build"]:
            subprocess.run([fill(word) for word in command], cwd=work, check=True)
        before = {os.path.join(os.fsencode(work), name) for name in os.listdir(os.fsencode(work))}
        strace = ["strace", "-f", "-yy", "-s", "4096", "-v", "-e", "abbrev=execve", "-o", log.name]
        status = subprocess.run(strace + [fill(word) for word in truth["run"]], cwd=work).returncode
        with open(log.name, "rb") as file:
            trace = Trace(file.read().split(b"\n"), work, before)
        return Check(truth, trace, work, source, status).faults
    finally:
        shutil.rmtree(work)
        os.unlink(log.name)


def main():
    jobs = sorted(name for name in os.listdir(HERE) if os.path.exists(os.path.join(HERE, name, "truth.json")))
    bad = 0
    for name in sys.argv[1:] or jobs:
        faults = check(name)
        bad += bool(faults)
        print(f"{name}: {'ok' if not faults else 'WRONG'}")
        for fault in faults:
            print(f"    {fault}")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
