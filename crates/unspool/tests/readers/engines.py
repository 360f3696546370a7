# Reads tables of a lake with DuckDB and with Spark. usage: engines.py LAKE < QUERIES; standard input is JSON: table -> [columns, key].
# Prints one line of JSON: engine -> table -> rows in order of the key; or {"missing": NAME}.
import json
import os
import shutil
import sys

try:
    import duckdb
    from pyspark.sql import SparkSession
except ImportError as error:
    print(json.dumps({"missing": "the Python package `%s`" % error.name}))
    sys.exit(0)
if not (shutil.which("java") or os.environ.get("JAVA_HOME")):
    print(json.dumps({"missing": "`java`"}))
    sys.exit(0)

lake = sys.argv[1]
asked = json.load(sys.stdin)
told = {"duckdb": {}, "spark": {}}

duck = duckdb.connect()
for table, (columns, key) in asked.items():
    files = "read_parquet('%s/%s/*/*/*/*.parquet', hive_partitioning = true)" % (lake, table)
    columns = columns.replace("time_ns", "epoch_ns(time) as time_ns")
    rows = duck.execute("select %s from %s order by %s" % (columns, files, key)).fetchall()
    told["duckdb"][table] = [list(row) for row in rows]

quiet = {
    "spark.ui.enabled": "false",
    "spark.sql.shuffle.partitions": "1",
    "spark.driver.host": "127.0.0.1",
    "spark.driver.bindAddress": "127.0.0.1",
    "spark.driver.memory": "512m",
    "spark.log.level": "ERROR",
    # Times have nanoseconds, which Spark has no type for.
    "spark.sql.legacy.parquet.nanosAsLong": "true",
    # Names of folders are text: a run is no number.
    "spark.sql.sources.partitionColumnTypeInference.enabled": "false",
}
builder = SparkSession.builder.master("local[1]")
for name, value in quiet.items():
    builder = builder.config(name, value)
spark = builder.getOrCreate()
for table, (columns, key) in asked.items():
    spark.read.parquet("%s/%s" % (lake, table)).createOrReplaceTempView(table)
    columns = columns.replace("time_ns", "time as time_ns")
    rows = spark.sql("select %s from %s order by %s" % (columns, table, key)).collect()
    told["spark"][table] = [[int(v) if type(v).__name__ == "Decimal" else v for v in row] for row in rows]
spark.stop()
print(json.dumps(told))
