"""Computes anew, from the event tables, all that new events touch in the tables made of them.

Each table's rows are replaced by whole days in one commit, so that readers see old or new ones,
never a part, and a second run ends the same.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial, reduce
from typing import TypeAlias

from pyspark.sql import DataFrame
from pyspark.sql import functions as fn

from spark_jobs.aggregates import AGGREGATES, VISITORS, Aggregate, latest_changes
from spark_jobs.commits import Tables
from spark_jobs.sessions import INACTIVITY_SECONDS, sessions
from spark_jobs.spans import (
    SECONDS_PER_DAY,
    Touched,
    dates_within,
    within_days,
    within_seconds,
)
from spark_jobs.tables import CURRENT_ROWS, EVENTS, SESSIONS, Table
from tidelake.contract.schema import CHANGE_DATA


def renew(tables: Tables, touched: Mapping[str, Touched]) -> None:
    """Bring all that is made of the sources' events up to date with what was touched of each."""
    for aggregate in AGGREGATES:
        sources = [source for source in touched if source in aggregate.compute]
        _replace(
            tables,
            aggregate.table,
            {
                source: partial(_days, tables, aggregate, source, touched[source])
                for source in sources
            },
        )
    _replace(
        tables,
        SESSIONS,
        {
            source: partial(_sessions, tables, source, visitor, touched[source])
            for source, visitor in VISITORS.items()
            if source in touched
        },
    )
    if CHANGE_DATA.name in touched:
        tables.provide(CURRENT_ROWS)
        changes = _events(tables, CHANGE_DATA.name, touched[CHANGE_DATA.name])
        tables.merge_current_rows(latest_changes(changes))


Part: TypeAlias = tuple[str, DataFrame]
"""The part of a table that one source fills, as SQL, and what is to be there."""


def _replace(tables: Tables, table: Table, parts: Mapping[str, Callable[[], Part]]) -> None:
    """Replace the parts of all sources in one commit."""
    if not parts:
        return

    def compute() -> Part:
        computed = [part() for part in parts.values()]
        scope = " OR ".join(f"({scope})" for scope, _ in computed)
        return scope, reduce(DataFrame.unionByName, (rows for _, rows in computed))

    tables.provide(table)
    tables.replace(table, compute)


def _events(tables: Tables, source: str, touched: Touched) -> DataFrame:
    """The events of the touched days, as the table has them now."""
    return tables.read(EVENTS[source]).where(within_days("event_time", touched.days))


def _days(tables: Tables, aggregate: Aggregate, source: str, touched: Touched) -> Part:
    """The touched days of one source."""
    within = dates_within if aggregate.time == "day" else within_days
    days = within(aggregate.time, touched.days)
    rows = aggregate.compute[source](_events(tables, source, touched))
    return _scope(aggregate.table, source, days), rows


def _sessions(tables: Tables, source: str, visitor: str, touched: Touched) -> Part:
    """The sessions of all days on which one starts that the events may be part of."""
    spans = [
        _reach(tables, source, first, last)
        for first, last in touched.runs_of_seconds(margin=INACTIVITY_SECONDS)
    ]
    days = [day for span in spans for day in range(span.first_day, span.last_day + 1)]
    # Half an hour before the first day shows which of its events go on with a session.
    read = ((s.first_day * SECONDS_PER_DAY - INACTIVITY_SECONDS, s.end) for s in spans)
    events = tables.read(EVENTS[source]).where(within_seconds("event_time", read))
    started = within_days("started_at", days)
    rows = sessions(source, visitor, events).where(started)
    return _scope(SESSIONS, source, started), rows


def _scope(table: Table, source: str, days: str) -> str:
    return f"source = '{source}' AND ({days})" if "source" in table.names else days


@dataclass(frozen=True)
class _Span:
    """Days whose sessions are replaced, and the second up to which their events are read."""

    first_day: int
    last_day: int
    end: int


def _reach(tables: Tables, source: str, first: int, last: int) -> _Span:
    """The days on which sessions start that events of these seconds may extend or join.

    Sessions last for any number of days: the table says how far those at the edges reach.
    """
    known = tables.read(SESSIONS).where(fn.col("source") == source)
    near = known.where(
        f"ended_at >= timestamp_seconds({first}) AND started_at <= timestamp_seconds({last})"
    )
    starts = fn.unix_seconds("started_at")
    (edge,) = near.agg(fn.min(starts).alias("first"), fn.max(starts).alias("last")).collect()
    first_day = (first if edge["first"] is None else min(first, edge["first"])) // SECONDS_PER_DAY
    last_day = (last if edge["last"] is None else max(last, edge["last"])) // SECONDS_PER_DAY
    after = (last_day + 1) * SECONDS_PER_DAY
    in_days = known.where(within_days("started_at", range(first_day, last_day + 1)))
    (longest,) = in_days.agg(fn.max(fn.unix_seconds("ended_at")).alias("end")).collect()
    end = after if longest["end"] is None else max(after, longest["end"] + 1)
    return _Span(first_day, last_day, end)
