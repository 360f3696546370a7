# Answers queries with DuckDB, over the tables in a folder with so many threads. Reads {"sql": ..., "compare": file or null, "tolerance": millionths} a line; the
# file is an Arrow stream with the rows that another engine found. Writes {"seconds": ..., "count": ..., "differs": text or null, ...}.
import json
import resource
import sys
import time

import duckdb
import pyarrow

connection = duckdb.connect()
connection.execute("set threads = %d" % int(sys.argv[2]))
connection.execute("set preserve_insertion_order = false")
connection.execute("set enable_progress_bar = false")
for table in "events processes sessions resources strings accesses".split():
    connection.execute(
        "create view %s as select * from read_parquet('%s/%s.parquet')"
        % (table, sys.argv[1].replace("'", "''"), table)
    )
print(json.dumps({"version": duckdb.__version__}), flush=True)


def text(cell):
    if isinstance(cell, bytes):
        return cell.decode("utf-8", "replace")
    # One engine gives a number without fraction as a decimal, the other as an integer.
    return "" if cell is None else str(int(cell)) if isinstance(cell, (int, float)) else str(cell)


def same(one, other, tolerance):
    if one == other:
        return True
    # Between two values quantiles are interpolated, which engines round differently.
    return tolerance > 0 and all(
        a == b or a.isdigit() and b.isdigit() and abs(int(a) - int(b)) <= 1 + int(a) * tolerance // 1000000 for a, b in zip(one, other)
    )


def difference(rows, path, tolerance):
    with pyarrow.OSFile(path) as file:
        table = pyarrow.ipc.open_stream(file).read_all()
    found = sorted(zip(*[[text(cell) for cell in column.to_pylist()] for column in table.columns]))
    expected = sorted(tuple(text(cell) for cell in row) for row in rows)
    if len(found) != len(expected):
        return "%d rows, DuckDB has %d" % (len(found), len(expected))
    differ = (pair for pair in zip(found, expected) if not same(*pair, tolerance))
    return next(("%s, DuckDB has %s" % pair for pair in differ), None)


for line in sys.stdin:
    asked = json.loads(line)
    begin = time.perf_counter()
    rows = connection.execute(asked["sql"]).fetchall()
    told = {
        "seconds": time.perf_counter() - begin,
        "count": len(rows),
        "first": [text(cell) for cell in rows[0]] if rows else [],
        "differs": difference(rows, asked["compare"], asked["tolerance"]) if asked["compare"] else None,
        "peak_kb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss,
    }
    print(json.dumps(told), flush=True)
