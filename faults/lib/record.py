"""Prepares a job's folder, starts its services, injects a fault, records the job."""

import contextlib
import fcntl
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

from . import suite

LIMIT_S = 40
PYTHON = "/usr/bin/python3" if os.path.exists("/usr/bin/python3") else sys.executable
NOBODY = 65534


class CannotRecord(Exception):
    """This machine cannot record the run; the reason is the text."""


def work_root():
    """Jobs work outside the checkout: another user has to reach the folder."""
    return pathlib.Path(tempfile.gettempdir()) / f"unspool-faults-{os.getuid()}"


def ensure(job, plan, store, binary, recorder, fresh=False):
    """Gives the folder of the recorded run, which is recorded when no stored one fits."""
    out = store / job.name / plan["name"]
    mark = out.with_suffix(".stamp")
    wanted = suite.stamp(job, plan, recorder)
    if not fresh and out.exists() and mark.exists() and mark.read_text() == wanted and is_readable(binary, out):
        return out
    if plan.get("root") and os.getuid() != 0:
        raise CannotRecord("needs root")
    shutil.rmtree(out, ignore_errors=True)
    mark.unlink(missing_ok=True)
    out.parent.mkdir(parents=True, exist_ok=True)
    with alone(job):
        record(job, plan, out, binary, recorder)
    mark.write_text(wanted)
    return out


def is_readable(binary, out):
    """Another version of the program may write runs in another form."""
    return subprocess.run([binary, "show", str(out), "--json"], capture_output=True, check=False).returncode == 0


@contextlib.contextmanager
def alone(job):
    """A job's folder and ports are the same in all its runs, so only one of them may run on a machine."""
    work_root().mkdir(exist_ok=True)
    with open(work_root() / f"{job.name}.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def environment(job, plan, work, tmp):
    env = {
        "PATH": "/usr/local/bin:/usr/bin:/bin",
        "HOME": str(work),
        "LANG": "C.UTF-8",
        "TZ": "UTC",
        "USER": "batch",
        "SHELL": "/bin/sh",
        "TMPDIR": str(tmp),
        "DAY": plan["day"],
        "PYTHONDONTWRITEBYTECODE": "1",
        "PORT": str(job.settings.get("port", 0)),
    }
    env.update(job.settings.get("env", {}))
    return env


def record(job, plan, out, binary, recorder):
    place = work_root() / plan["place"] / job.name
    work, tmp = place / "job", work_root() / plan["tmp"] / job.name
    for folder in (place, tmp):
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        folder.chmod(0o777)
    shutil.copytree(job.folder / "app", work, symlinks=True)
    env = environment(job, plan, work, tmp)
    making = env | {"SEED": str(plan["seed"]), "SCALE": str(plan["scale"]), "SUITE": str(suite.ROOT), "PYTHON": PYTHON}
    sh([str(job.folder / "setup")], work, making, f"{job.name}: setup")
    if plan["touch"]:
        sh(["find", ".", "-type", "f", "-exec", "touch", "{}", "+"], work, making, "touch")
    try:
        if "inject" in plan:
            sh(["sh", "-euc", plan["inject"]], work, making, f"{job.name}/{plan['name']}: inject")
        if "before" in plan:
            sh(["sh", "-euc", plan["before"]], work, making, f"{job.name}/{plan['name']}: before")
        if os.getuid() == 0:
            sh(["chown", "-hR", f"{NOBODY}:{NOBODY}", str(place), str(tmp)], work, making, "chown")
        run_recorded(job, plan, out, binary, recorder, work, env, making)
    finally:
        if "cleanup" in plan:
            subprocess.run(["sh", "-c", plan["cleanup"]], cwd=work, env=making, check=False)


def run_recorded(job, plan, out, binary, recorder, work, env, making):
    helpers = []
    try:
        helpers += start_services(job, plan, work, making)
        for _ in range(plan["burners"]):
            helpers.append(subprocess.Popen([PYTHON, "-c", "while True: pass"], start_new_session=True))
        command = [word.replace("{day}", plan["day"]) for word in plan.get("arguments", job.settings["command"])]
        line = [binary, "record", "--quiet", "--recorder", recorder, "-o", str(out), "--"]
        if os.getuid() == 0:
            line += [shutil.which("setpriv"), f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups", "--"]
        line += plan.get("wrap", []) + command
        line = private_hosts(job, plan, line)
        own = {name: value.replace("{work}", str(work)) for name, value in plan["env"].items()}
        # The same name in every run: where a job's output goes does not change from day to day.
        words = work_root() / f"{job.name}.said"
        with open(words, "wb") as said:
            child = subprocess.Popen(
                line, cwd=work, env=env | own, stdin=subprocess.DEVNULL, stdout=said, stderr=said,
                start_new_session=True,
            )
            try:
                status = child.wait(LIMIT_S)
            except subprocess.TimeoutExpired:
                os.killpg(child.pid, signal.SIGKILL)
                child.wait()
                raise SystemExit(f"{job.name}/{plan['name']}: not done after {LIMIT_S} s") from None
        shutil.copyfile(words, out.with_suffix(".said"))
        out.with_suffix(".exit").write_text(f"{status}\n")
        if status in (125, 74, 75) or not (out / "run.json").exists():
            raise SystemExit(f"{job.name}/{plan['name']}: not recorded: {out.with_suffix('.said').read_text()}")
    finally:
        for helper in helpers:
            stop(helper)


def private_hosts(job, plan, line):
    """A job that resolves names gets an /etc/hosts and a resolv.conf of its own, in a mount namespace."""
    if "hosts" not in job.settings:
        return line
    script = 'mount --bind etc/hosts /etc/hosts && mount --bind etc/resolv.conf /etc/resolv.conf && exec "$@"'
    unshare = ["unshare", "--mount"] if os.getuid() == 0 else ["unshare", "--mount", "--map-root-user"]
    if subprocess.run([*unshare, "true"], capture_output=True, check=False).returncode != 0:
        raise CannotRecord("no mount namespaces here")
    return [*unshare, "sh", "-c", script, "sh", *line]


def start_services(job, plan, work, making):
    program = job.folder / "services.py"
    if not program.exists():
        return []
    wait_free(job.settings["port"])
    ready = work_root() / f"{job.name}.ready"
    ready.unlink(missing_ok=True)
    env = making | {"READY": str(ready)} | plan.get("services", {})
    service = subprocess.Popen([PYTHON, str(program)], cwd=work, env=env, start_new_session=True)
    deadline = time.monotonic() + 10
    while not ready.exists():
        if service.poll() is not None or time.monotonic() > deadline:
            stop(service)
            raise SystemExit(f"{job.name}/{plan['name']}: its services did not start")
        time.sleep(0.01)
    return [service]


def wait_free(port):
    """Ports are part of what a job is, so they are fixed; the last run's services may just be leaving."""
    deadline = time.monotonic() + 10
    while True:
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
                return
            except OSError as error:
                if time.monotonic() > deadline:
                    raise SystemExit(f"port {port} is in use: {error}") from error
        time.sleep(0.05)


def stop(helper):
    try:
        os.killpg(helper.pid, signal.SIGKILL)
    except ProcessLookupError:
        pass
    helper.wait()


def sh(command, work, env, what):
    # A file, not a pipe: what is left running in the background would keep a pipe open.
    with tempfile.TemporaryFile() as said:
        done = subprocess.run(command, cwd=work, env=env, stdin=subprocess.DEVNULL, stdout=said, stderr=said, check=False)
        if done.returncode != 0:
            said.seek(0)
            raise SystemExit(f"{what}: status {done.returncode}: {said.read().decode(errors='replace')}")
