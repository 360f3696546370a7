# Counts the rows of exported tables as other programs read them: DuckDB (Parquet, CSV, JSON lines), pyarrow (Parquet, Arrow), SQLite.
# usage: tables.py FOLDER; it holds parquet/, arrow/, csv/, jsonl/, run.sqlite. Prints JSON: reader -> table -> rows, and sums.
import glob
import json
import os
import sqlite3
import sys

import duckdb
import pyarrow
import pyarrow.parquet

folder = sys.argv[1]
told = {}


def names(form):
    found = glob.glob(os.path.join(folder, form, "*." + form))
    return sorted((os.path.basename(path).split(".")[0], path) for path in found)


duck = duckdb.connect()
quick = lambda sql: duck.execute(sql).fetchone()[0]
told["duckdb parquet"] = {n: quick("select count(*) from read_parquet('%s')" % p) for n, p in names("parquet")}
told["duckdb csv"] = {
    n: quick("select count(*) from read_csv('%s', header = true, all_varchar = true, delim = ',', quote = '\"', escape = '\"')" % p)
    for n, p in names("csv")
}
told["duckdb jsonl"] = {}
for name, path in names("jsonl"):
    with open(path) as lines:
        told["duckdb jsonl"][name] = sum("unspool" not in json.loads(line) for line in lines)
told["pyarrow parquet"] = {n: pyarrow.parquet.read_table(p).num_rows for n, p in names("parquet")}
told["pyarrow arrow"] = {n: pyarrow.ipc.open_file(p).read_all().num_rows for n, p in names("arrow")}
lite = sqlite3.connect(os.path.join(folder, "run.sqlite"))
assert lite.execute("pragma integrity_check").fetchone()[0] == "ok"
tables = [row[0] for row in lite.execute("select name from sqlite_schema order by name")]
told["sqlite"] = {n: lite.execute('select count(*) from "%s"' % n).fetchone()[0] for n in tables}

events = os.path.join(folder, "parquet", "events.parquet")
sql = "select coalesce(sum(bytes), 0)::bigint, count(distinct path)::bigint, sum(failed::int)::bigint from %s"
told["sums"] = [
    list(duck.execute(sql % ("read_parquet('%s')" % events)).fetchone()),
    list(lite.execute("select coalesce(sum(bytes), 0), count(distinct path), sum(failed) from events").fetchone()),
]
print(json.dumps(told))
