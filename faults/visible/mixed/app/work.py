"""Works the spool off: work.py DAY WORKERS"""
import hashlib, json, multiprocessing, os, pathlib, sqlite3, sys, tempfile, threading, uuid


def one(path):
    data = pathlib.Path(path).read_bytes()
    with tempfile.NamedTemporaryFile(prefix="work-", suffix=".part") as part:
        part.write(data * 10)
        part.flush()
    name = hashlib.sha256(data).hexdigest()
    blob = pathlib.Path("cache/blobs/sha256") / name
    if not blob.exists():
        blob.write_bytes(data)
        index = pathlib.Path("cache/index") / name[:2]
        index.mkdir(exist_ok=True)
        (index / name[2:]).write_text(path)
    return name


def note(names, day):
    base = sqlite3.connect("night.db", timeout=5)
    for name in names:
        with base:
            base.execute("insert into work values (?, ?)", (day, name))
    base.close()


def main(day, workers):
    for known in pathlib.Path("cache/index").iterdir():
        for entry in known.iterdir():
            entry.read_text()
    spool = sorted(str(path) for path in pathlib.Path("spool").iterdir())
    with multiprocessing.Pool(int(workers)) as pool:
        names = pool.map(one, spool, chunksize=1)
    base = sqlite3.connect("night.db")
    base.execute("pragma journal_mode = wal")
    base.execute("create table if not exists work (day text, name text)")
    base.close()
    threads = [threading.Thread(target=note, args=(names[start::3], day)) for start in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    pathlib.Path(f"run-{os.getpid()}.state").write_text(json.dumps({"id": str(uuid.uuid4()), "day": day}))


main(*sys.argv[1:])
