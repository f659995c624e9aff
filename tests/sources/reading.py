"""Reading lines of a source in tests, without a file."""

from __future__ import annotations

from tidelake.contract.events import Event, LineOutcome, ParsedLine, RejectedLine, SkippedLine
from tidelake.sources.events import EventBuilder, events_of
from tidelake.sources.files import Line
from tidelake.sources.options import SourceOptions

NOW = 1_767_323_045.9
"""2026-01-02T03:04:05.9Z, the clock of the tests."""


def outcomes(
    source: str, *contents: str | bytes, options: SourceOptions | None = None
) -> list[LineOutcome]:
    """What becomes of the lines of one input."""
    builder = EventBuilder(
        source, SourceOptions() if options is None else options, clock=lambda: NOW
    )
    lines = []
    offset = 0
    for number, content in enumerate(contents, start=1):
        raw = content.encode() if isinstance(content, str) else content
        lines.append(Line(number, offset, raw, oversize=False))
        offset += len(raw) + 1
    return list(events_of(lines, builder))


def events(source: str, *contents: str, options: SourceOptions | None = None) -> list[Event]:
    """The events of lines that all must hold one, but for those that are skipped."""
    found = outcomes(source, *contents, options=options)
    refused = [line.reason for line in found if isinstance(line, RejectedLine)]
    assert refused == []
    return [line.event for line in found if isinstance(line, ParsedLine)]


def reason(source: str, content: str | bytes, options: SourceOptions | None = None) -> str:
    """Why a line alone is rejected."""
    (found,) = outcomes(source, content, options=options)
    assert isinstance(found, RejectedLine)
    return found.reason


def skipped(source: str, *contents: str, options: SourceOptions | None = None) -> list[str]:
    """Why lines, all of them, are skipped."""
    found = outcomes(source, *contents, options=options)
    reasons = [line.reason for line in found if isinstance(line, SkippedLine)]
    assert len(reasons) == len(found)
    return reasons


def own_fields(event: Event) -> Event:
    """An event without what every event has, but for its time and type."""
    added = {"event_id", "ingest_time", "source", "schema_version"}
    return {name: value for name, value in event.items() if name not in added}
