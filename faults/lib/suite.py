"""Jobs, their runs and their faults, as `job.toml` and `faults.toml` state them."""

import datetime
import hashlib
import json
import pathlib
import random
import tomllib

from .key import KINDS

ROOT = pathlib.Path(__file__).resolve().parents[1]
FIRST_DAY = datetime.date(2026, 3, 9)
BASELINES = 5

# Harmless changes that any job may meet. Value: what they change in the run.
DECOYS = {
    "tmpdir": {"tmp": "scratch-b"},
    "hostdir": {"place": "node-b"},
    "volume": {"scale": 1.3},
    "small": {"scale": 0.7},
    "month": {"days": 24},
    "environment": {"env": {"EDITOR": "nano", "XDG_SESSION_TYPE": "tty", "LS_COLORS": "di=01;34:ln=01;36"}},
    "cpu": {"burners": 2},
    "touched": {"touch": True},
}

# Clean runs: nothing is wrong with them.
CLEAN = [
    [],
    ["cpu", "volume"],
    ["month", "small", "environment"],
    ["hostdir", "tmpdir"],
]


class Job:
    """A folder with `job.toml`, `faults.toml`, `setup`, an optional `services.py` and the files in `app`."""

    def __init__(self, folder):
        self.folder = folder
        self.name = folder.name
        self.suite = folder.parent.name
        with open(folder / "job.toml", "rb") as file:
            self.settings = tomllib.load(file)
        with open(folder / "faults.toml", "rb") as file:
            self.faults = tomllib.load(file)["fault"]
        for fault in self.faults:
            if "expect" not in fault:
                raise SystemExit(f"{self.name}/{fault['id']}: no expected key")
            for key in fault["expect"]:
                if not key.get("kinds") or not key.get("names"):
                    raise SystemExit(f"{self.name}/{fault['id']}: a key needs kinds and names")
                unknown = set(key["kinds"]) - set(KINDS)
                if unknown:
                    raise SystemExit(f"{self.name}/{fault['id']}: no such kinds: {sorted(unknown)}")
        names = [fault["id"] for fault in self.faults]
        twice = {name for name in names if names.count(name) > 1}
        if twice:
            raise SystemExit(f"{self.name}: these faults are stated twice: {sorted(twice)}")

    def digest(self):
        """Changes when a file of the job changes; `faults.toml` counts by the fault."""
        sums = hashlib.sha256()
        shared = [ROOT / "lib" / "service.py", ROOT / "lib" / "record.py"]
        own = [path for path in sorted(self.folder.rglob("*")) if path.is_file() and path.name != "faults.toml"]
        for path in shared + own:
            if "__pycache__" not in path.parts:
                sums.update(str(path.name).encode() + b"\0" + path.read_bytes())
        return sums.hexdigest()

    def baselines(self):
        return [self.plan(f"base-{index}", index, []) for index in range(BASELINES)]

    def cleans(self):
        return [self.plan(f"clean-{index}", BASELINES + index, decoys) for index, decoys in enumerate(CLEAN)]

    def faulty(self, fault):
        """The faulty run: noise as ever, and the decoys that the fault states, or that its name draws."""
        draw = random.Random(f"{self.name}/{fault['id']}")
        decoys = fault.get("decoys")
        if decoys is None:
            decoys = draw.sample(sorted(DECOYS), k=draw.choice([0, 1, 1, 2]))
        plan = self.plan(f"fault-{fault['id']}", 20 + draw.randrange(5), decoys)
        for key in ("inject", "before", "wrap", "services", "cleanup", "arguments", "root"):
            if key in fault:
                plan[key] = fault[key]
        plan["env"].update(fault.get("env", {}))
        return plan

    def plan(self, name, day, decoys):
        """Everything that decides what a run does."""
        draw = random.Random(f"{self.name}/{name}")
        plan = {
            "job": self.name,
            "name": name,
            "seed": draw.randrange(1 << 30),
            "scale": round(draw.uniform(0.75, 1.25), 3),
            "days": day,
            "place": "node-a",
            "tmp": "scratch",
            "touch": False,
            "burners": draw.choice([0, 0, 1]),
            "env": {
                "INVOCATION_ID": f"{draw.getrandbits(128):032x}",
                "JOURNAL_STREAM": f"8:{draw.randrange(10000, 99999)}",
                "XDG_SESSION_ID": f"c{draw.randrange(9, 999)}",
            },
        }
        for decoy in decoys:
            change = dict(DECOYS[decoy])
            plan["days"] += change.pop("days", 0)
            plan["env"].update(change.pop("env", {}))
            plan.update(change)
        plan["day"] = (FIRST_DAY + datetime.timedelta(days=plan.pop("days"))).isoformat()
        plan["decoys"] = decoys
        return plan


def load(suite, names=()):
    """The jobs of a suite (`visible`, `holdout`, `all`), by name."""
    suites = ["visible", "holdout"] if suite == "all" else [suite]
    folders = [path.parent for one in suites for path in sorted((ROOT / one).glob("*/job.toml"))]
    jobs = [Job(folder) for folder in folders if not names or folder.name in names]
    if not jobs:
        raise SystemExit(f"no job {' '.join(names)} in the suite `{suite}`")
    return jobs


def stamp(job, plan, recorder):
    """A stored run with the same stamp need not be recorded again."""
    text = json.dumps([job.digest(), plan, recorder], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()
