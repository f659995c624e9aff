"""Computes anew, from the event tables, all that new events touch in the tables made of them.

Each table's rows are replaced by whole days in one commit, so that readers see old or new ones,
never a part, and a second run ends the same.
"""

from __future__ import annotations

from dataclasses import dataclass

from pyspark.sql import DataFrame
from pyspark.sql import functions as fn

from spark_jobs.aggregates import ROLES, Aggregate, aggregates, latest_changes
from spark_jobs.commits import Tables
from spark_jobs.sessions import INACTIVITY_SECONDS, sessions
from spark_jobs.spans import (
    SECONDS_PER_DAY,
    Touched,
    dates_within,
    within_days,
    within_seconds,
)
from spark_jobs.tables import CURRENT_ROWS, EVENTS, SESSIONS
from tidelake.contract.schema import CHANGE_DATA


def renew(tables: Tables, source: str, touched: Touched) -> None:
    """Bring everything that is made of one source's events up to date with what was touched."""
    for aggregate in aggregates(source):
        tables.provide(aggregate.table)
        _renew_days(tables, source, aggregate, touched)
    visitor = ROLES[source].visitor
    if visitor is not None:
        tables.provide(SESSIONS)
        _renew_sessions(tables, source, visitor, touched)
    if source == CHANGE_DATA.name:
        tables.provide(CURRENT_ROWS)
        tables.merge_current_rows(latest_changes(_events(tables, source, touched)))


def _events(tables: Tables, source: str, touched: Touched) -> DataFrame:
    """The events of the touched days, as the table has them now."""
    return tables.read(EVENTS[source]).where(within_days("event_time", touched.days))


def _renew_days(tables: Tables, source: str, aggregate: Aggregate, touched: Touched) -> None:
    within = dates_within if aggregate.time == "day" else within_days
    scope = within(aggregate.time, touched.days)
    if "source" in aggregate.table.names:
        scope = f"source = '{source}' AND ({scope})"
    tables.replace(
        aggregate.table,
        lambda: (scope, aggregate.compute(_events(tables, source, touched))),
    )


def _renew_sessions(tables: Tables, source: str, visitor: str, touched: Touched) -> None:
    """Replace the sessions of all days on which one starts that the events may be part of."""

    def compute() -> tuple[str, DataFrame]:
        spans = [
            _reach(tables, source, first, last)
            for first, last in touched.runs_of_seconds(margin=INACTIVITY_SECONDS)
        ]
        days = [day for span in spans for day in range(span.first_day, span.last_day + 1)]
        # Half an hour before the first day shows which of its events go on with a session.
        read = ((s.first_day * SECONDS_PER_DAY - INACTIVITY_SECONDS, s.end) for s in spans)
        events = tables.read(EVENTS[source]).where(within_seconds("event_time", read))
        started = within_days("started_at", days)
        found = sessions(source, visitor, events).where(started)
        return f"source = '{source}' AND ({started})", found

    tables.replace(SESSIONS, compute)


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
