"""The curate job's work in a warm Spark against DuckDB on the same Parquet, 0.5 M to 5 M events.

Both read raw events of web requests (1 % duplicates, 1 % that break the contract), judge each by
the field table's rules of its source, count what becomes of each object, write the rows that break
a rule with the reason and the raw row as JSON, keep the earliest of each other id, write the events
as Parquet, and from what they wrote compute and write hourly metrics, paths and sessions. Iceberg's
commits are apart: they cost the same for any number of events.

    python -m benches.spark [--rounds 5] [--millions 0.5 1 5]
"""

from __future__ import annotations

import argparse
import os
import shutil
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import duckdb
from pyspark.sql import SparkSession

from benches.harness import Sample, Target, interleaved, report, timed
from spark_jobs.aggregates import ROLES, hourly, paths_daily
from spark_jobs.batches import read_batch
from spark_jobs.events import distinct_events, quarantined_rows
from spark_jobs.session import SETTINGS
from spark_jobs.sessions import sessions
from tidelake.contract.errors import PipelineError
from tidelake.contract.schema import SOURCES, WEB_LOG, Field, Source, event_fields, raw_fields
from tidelake.local.toolchain import find_toolchain

PROJECT = Path(__file__).resolve().parents[1]
FOLDER = PROJECT / "build" / "benches" / "spark"
CORES = 2
FILES = 8
MOST_CPU = 5.0
LEAST_EVENNESS = 0.85
WARM_UPS = 3
"""Runs until Java has compiled what is hot; a step on a cluster of long standing finds it so. What
its compiler still does after them is not counted."""
MADE = ("quarantine", "events", "hourly", "paths", "sessions")
DUCKDB_TYPES = {"string": "VARCHAR", "double": "DOUBLE", "timestamp": "TIMESTAMP"}


@dataclass(frozen=True)
class Work:
    """The same raw objects for both, and a folder for what is made of them."""

    raw: Path
    out: Path

    @property
    def files(self) -> list[Path]:
        return sorted(self.raw.glob("*.parquet"))

    def fresh(self, name: str) -> Path:
        folder = self.out / name
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        return folder


def main() -> int:
    """Measure, report, and return the exit status."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--millions", type=float, nargs="+", default=[0.5, 1.0, 5.0])
    chosen = parser.parse_args()
    spark = _session()
    try:
        return _measure(spark, chosen.millions, chosen.rounds)
    finally:
        spark.stop()


def _measure(spark: SparkSession, sizes: list[float], rounds: int) -> int:
    rows: list[dict[str, str | float]] = []
    ratios, rates = [], []
    for millions in sizes:
        work = _prepared(int(millions * 1_000_000))
        subjects: dict[str, Callable[[], Sample]] = {
            "Spark, warm": lambda work=work: _timed_jvm(spark, lambda: by_spark(spark, work)),  # type: ignore[misc]
            "DuckDB": lambda work=work: timed(lambda: by_duckdb(work)),  # type: ignore[misc]
        }
        if not rows:
            for _ in range(WARM_UPS):
                by_spark(spark, work)
        medians = interleaved(subjects, rounds=rounds)
        _require_same_work(work)
        for name, sample in medians.items():
            rate = millions * 1e6 / sample.cpu_seconds
            rows.append({"events": f"{millions:g} M", "subject": name} | sample.columns())
            rows[-1]["events/s per core"] = round(rate)
        ours, peer = medians["Spark, warm"], medians["DuckDB"]
        ratios.append((millions, ours.cpu_seconds / peer.cpu_seconds))
        rates.append(millions * 1e6 / ours.cpu_seconds)
    targets = [
        Target(f"CPU of Spark / DuckDB, {millions:g} M", ratio, at_most=MOST_CPU)
        for millions, ratio in ratios
    ]
    if len(rates) > 1:
        evenness = min(rates) / max(rates)
        targets.append(Target("slowest / fastest rate", evenness, at_least=LEAST_EVENNESS))
    return report("spark", rows, targets)


def by_spark(spark: SparkSession, work: Work) -> None:
    """What `curate` does with a batch, but for the commits."""
    out = work.fresh("spark")
    # As Spark names a local file.
    batch = read_batch(spark, [f"file:{file.resolve()}" for file in work.files])
    quarantined_rows(batch.rows, "batch").write.parquet(f"{out}/quarantine")
    events = distinct_events(batch.rows, WEB_LOG, "batch")
    events.write.parquet(f"{out}/events")
    written = spark.read.parquet(f"{out}/events")
    roles = ROLES[WEB_LOG.name]
    hourly(roles, written).write.parquet(f"{out}/hourly")
    paths_daily(roles, written).write.parquet(f"{out}/paths")
    sessions(WEB_LOG.name, "client_address", written).write.parquet(f"{out}/sessions")


def by_duckdb(work: Work) -> None:
    """The same in DuckDB's SQL, as its users would write it."""
    out = work.fresh("duckdb")
    fields = ", ".join(field.name for field in event_fields(WEB_LOG))
    rules = " AND ".join(rule for rule, _ in _rules(WEB_LOG))
    with duckdb.connect() as connection:
        run = connection.execute
        run(f"SET threads = {CORES}; SET TimeZone = 'UTC'; SET preserve_insertion_order = false")
        raw = f"read_parquet('{work.raw}/*.parquet', filename = true, file_row_number = true)"
        run(
            f"SELECT filename, source, {_reason()} IS NULL AS good, count(*), count(event_id), "  # noqa: S608
            "list(DISTINCT event_time::DATE), min(event_time), max(event_time) "
            f"FROM {raw} GROUP BY ALL"
        ).fetchall()
        payload = ", ".join(f"{field.name} := {field.name}" for field in raw_fields())
        broken = (
            f"SELECT filename AS raw_object, file_row_number AS row_index, {_reason()} AS reason, "  # noqa: S608
            f"to_json(struct_pack({payload})) AS payload FROM {raw} WHERE reason IS NOT NULL"
        )
        run(f"COPY ({broken}) TO '{out}/quarantine.parquet' (COMPRESSION snappy)")
        kept = (
            f"SELECT {fields}, filename AS raw_object FROM {raw} WHERE {rules} "  # noqa: S608
            "QUALIFY row_number() OVER (PARTITION BY event_id "
            "ORDER BY ingest_time, filename, file_row_number) = 1"
        )
        run(f"COPY ({kept}) TO '{out}/events.parquet' (COMPRESSION snappy)")
        for name, query in _duckdb_aggregates(f"{out}/events.parquet").items():
            run(f"COPY ({query}) TO '{out}/{name}.parquet' (COMPRESSION snappy)")


def _require_same_work(work: Work) -> None:
    """Raises PipelineError when one of the two left other numbers of rows than the other one."""
    with duckdb.connect() as connection:
        for made in MADE:
            counts = [
                connection.execute(f"SELECT count(*) FROM '{work.out}/{files}'").fetchone()  # noqa: S608
                for files in (f"spark/{made}/*.parquet", f"duckdb/{made}.parquet")
            ]
            if counts[0] != counts[1]:
                raise PipelineError(f"{made}: {counts[0]} rows by Spark, {counts[1]} by DuckDB")


def _duckdb_aggregates(events: str) -> dict[str, str]:
    return {
        "hourly": f"""
            SELECT date_trunc('hour', event_time) AS hour, event_type, status, count(*) AS events,
                   approx_count_distinct(client_address) AS actors, sum(response_bytes) AS total,
                   approx_quantile(response_bytes, [0.5, 0.95, 0.99]) AS percentiles
            FROM '{events}' GROUP BY ALL""",  # noqa: S608  names of our own
        "paths": f"""
            SELECT event_time::DATE AS day, target, count(*) AS events
            FROM '{events}' WHERE target IS NOT NULL GROUP BY ALL""",  # noqa: S608
        "sessions": f"""
            WITH starts AS (
                SELECT client_address, event_time, coalesce(event_time - lag(event_time) OVER w
                       > INTERVAL 30 MINUTE, true)::INT AS starts
                FROM '{events}' WINDOW w AS (PARTITION BY client_address ORDER BY event_time)),
            numbered AS (
                SELECT client_address, event_time, sum(starts) OVER (
                       PARTITION BY client_address ORDER BY event_time
                       ROWS UNBOUNDED PRECEDING) AS number FROM starts)
            SELECT client_address, min(event_time) AS started_at, max(event_time) AS ended_at,
                   count(*) AS events FROM numbered GROUP BY client_address, number""",  # noqa: S608
    }


def _reason() -> str:
    """SQL of the first rule that a raw row breaks, by its source; null if it keeps all."""
    by_source = " ".join(
        f"WHEN source = '{source.name}' THEN CASE "
        + " ".join(f"WHEN NOT ({rule}) THEN '{name}'" for rule, name in _rules(source))
        + " END"
        for source in SOURCES.values()
    )
    return f"CASE {by_source} ELSE 'source: unknown' END"


def _rules(source: Source) -> list[tuple[str, str]]:
    """The field table's rules, each as a condition that a good row meets, and a name."""
    return [
        (rule, f"{field.name}: rule {number}")
        for field in event_fields(source)
        for number, rule in enumerate(_field_rules(source, field))
    ]


def _field_rules(source: Source, field: Field) -> list[str]:
    found = [f"{field.name} IS NOT NULL"] if field.required else []
    if field.name == "source":
        found.append(f"source = '{source.name}'")
    limits = [
        (f"{field.name} >= {field.minimum}", field.minimum),
        (f"{field.name} <= {field.maximum}", field.maximum),
        (f"length({field.name}) <= {field.max_length}", field.max_length),
    ]
    optional = "" if field.required else f"{field.name} IS NULL OR "
    found += [f"({optional}{rule})" for rule, limit in limits if limit is not None]
    if field.values:
        found.append(f"({optional}{field.name} IN {field.values})")
    return found


def _prepared(events: int) -> Work:
    """Raw objects of so many events: eight hours, 20,000 clients, 5,000 paths."""
    work = Work(FOLDER / f"raw-{events}", FOLDER / "out")
    if work.raw.exists():
        return work
    unfinished = FOLDER / "unfinished"
    shutil.rmtree(unfinished, ignore_errors=True)
    unfinished.mkdir(parents=True)
    made = {
        "event_id": "md5(n::VARCHAR) || substr(md5((n + 1)::VARCHAR), 1, 32)",
        "event_time": f"make_timestamp(1795305600000000 + n * 28800000000 // {events})",
        "ingest_time": "make_timestamp(1795341600000000 + n % 3600 * 1000000)",
        "source": "'web_log'",
        "event_type": "'request'",
        "schema_version": "1::INT",
        "client_address": "'203.0.' || (hash(n) % 200) || '.' || (hash(n + 7) % 100)",
        "method": "'GET'",
        "target": "'/page/' || (hash(n + 1) % 5000) || '?lang=en'",
        "protocol": "'HTTP/1.1'",
        "status": "(CASE WHEN n % 100 = 50 THEN 999 WHEN n % 9 = 0 THEN 404 ELSE 200 END)::INT",
        "response_bytes": "(hash(n + 2) % 100000)::BIGINT",
        "referrer": "'https://example.org/' || (hash(n + 3) % 1000)",
        "user_agent": "'Mozilla/5.0 (X11; Linux x86_64) Browser/' || (hash(n + 4) % 50)",
    }
    columns = ", ".join(
        f"{made.get(field.name, 'NULL')}::"
        f"{DUCKDB_TYPES.get(field.type.value, field.type.value.upper())} AS {field.name}"
        for field in raw_fields()
    )
    with duckdb.connect() as connection:
        for file in range(FILES):
            # Each hundredth event is there a second time, in another file.
            connection.execute(f"CREATE OR REPLACE TEMP VIEW numbers AS {_numbers(events, file)}")
            connection.execute(
                f"COPY (SELECT {columns} FROM numbers) "  # noqa: S608
                f"TO '{unfinished}/{file}.parquet' (COMPRESSION snappy)"
            )
    unfinished.rename(work.raw)
    return work


def _numbers(events: int, file: int) -> str:
    """SQL of the numbers of the events in one raw object."""
    own = f"SELECT range AS n FROM range({events}) WHERE range % {FILES} = {file}"  # noqa: S608
    again = f"SELECT range FROM range(0, {events}, 100) WHERE range // 100 % {FILES} = {file}"  # noqa: S608
    return f"{own} UNION ALL {again}"


def _session() -> SparkSession:
    os.environ.update(find_toolchain(PROJECT).environment(os.environ))
    builder = SparkSession.builder.master(f"local[{CORES}]").appName("bench")
    settings = SETTINGS | {
        "spark.driver.memory": "3g",
        # A compiler thread that ended would take along what is to be left out of the measure.
        "spark.driver.extraJavaOptions": "-XX:-UseDynamicNumberOfCompilerThreads",
        "spark.driver.bindAddress": "127.0.0.1",
        "spark.driver.host": "127.0.0.1",
        "spark.ui.enabled": "false",
        "spark.ui.showConsoleProgress": "false",
        "spark.sql.shuffle.partitions": str(2 * CORES),
    }
    for key, value in settings.items():
        builder = builder.config(key, value)
    session = builder.getOrCreate()
    session.sparkContext.setLogLevel("ERROR")
    return session


def _timed_jvm(spark: SparkSession, work: Callable[[], object]) -> Sample:
    """Run `work`; CPU of the JVM, which has all of Spark's threads, and of this process.

    Without what Java's compiler spends: that is part of warming up.
    """
    jvm = spark.sparkContext._jvm
    pid = jvm.java.lang.ProcessHandle.current().pid()  # type: ignore[union-attr]
    before, wall = _jvm_cpu_seconds(pid), time.monotonic()
    own = timed(work)
    spent = _jvm_cpu_seconds(pid) - before
    return Sample(own.cpu_seconds + spent, time.monotonic() - wall)


def _jvm_cpu_seconds(pid: int) -> float:
    """What the process has spent but for the threads of its compiler, `C1` and `C2`."""
    process = Path(f"/proc/{pid}")
    compilers = [thread for thread in (process / "task").iterdir() if _is_compiler(thread)]
    return _cpu_seconds(process) - sum(_cpu_seconds(thread) for thread in compilers)


def _is_compiler(thread: Path) -> bool:
    try:
        return "CompilerThre" in (thread / "comm").read_text()
    except FileNotFoundError:  # It has ended meanwhile, which a compiler does not.
        return False


def _cpu_seconds(entry: Path) -> float:
    """User and system time of a process or a thread (proc(5), fields 14 and 15 of `stat`)."""
    fields = (entry / "stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


if __name__ == "__main__":
    sys.exit(main())
