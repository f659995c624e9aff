"""From a file of one source to its events: read, parse, name, validate, line by line."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

from tidelake.contract.errors import ConfigurationError, InvalidEventError
from tidelake.contract.events import Event, ParsedLine, RejectedLine, line_event_id
from tidelake.contract.schema import SCHEMA_VERSION, SOURCES, WEB_LOG
from tidelake.sources.files import MAX_LINE_BYTES, Line, read_lines
from tidelake.sources.validate import validator_for
from tidelake.sources.web_log import parse_web_log

LineParser = Callable[[str], Event]
"""Text of one line -> `event_time`, `event_type` and the source's own fields.

It raises InvalidEventError, which names field and rule, for a line that it cannot take."""

_PARSERS: dict[str, LineParser] = {WEB_LOG.name: parse_web_log}


def parser_for(source_name: str) -> LineParser:
    """The parser of a source's lines; ConfigurationError for a source that has none."""
    if source_name not in _PARSERS:
        raise ConfigurationError("source", source_name, ", ".join(sorted(_PARSERS)))
    return _PARSERS[source_name]


def read_events(
    path: Path, source_name: str, *, clock: Callable[[], float] = time.time
) -> Iterator[ParsedLine | RejectedLine]:
    """Yield one outcome for every line of a file, in order, with bounded memory.

    A ParsedLine holds a valid event, whose `event_id` is the same at every reading of the file
    and after a rename; a RejectedLine says why. `clock` gives seconds since 1970 for `ingest_time`.
    Raises ConfigurationError for an unknown source, InputError as `read_lines` does.
    """
    build = EventBuilder(source_name, clock)
    first_line = b""
    for line in read_lines(path):
        if line.number == 1:
            first_line = line.content
        try:
            yield ParsedLine(line.number, build.event(line, first_line), line.content)
        except InvalidEventError as error:
            yield RejectedLine(source_name, line.number, str(error), line.content)


class EventBuilder:
    """Makes whole, valid events of one source out of lines."""

    def __init__(self, source_name: str, clock: Callable[[], float]) -> None:
        self._parse = parser_for(source_name)
        self._validator = validator_for(SOURCES[source_name])
        self._source_name = source_name
        self._clock = clock
        self._second = -1
        self._ingest_time = ""

    def event(self, line: Line, first_line: bytes) -> Event:
        """The event of one line; `first_line` is its file's. InvalidEventError for a misfit."""
        event = self._parse(_text(line))
        event["event_id"] = line_event_id(self._source_name, first_line, line.offset, line.content)
        event["ingest_time"] = self._now()
        event["source"] = self._source_name
        event["schema_version"] = SCHEMA_VERSION
        if not self._validator.is_valid(event):
            self._validator.check(event)
        return event

    def _now(self) -> str:
        second = int(self._clock())
        if second != self._second:
            self._second = second
            self._ingest_time = f"{datetime.fromtimestamp(second, UTC):%Y-%m-%dT%H:%M:%SZ}"
        return self._ingest_time


def _text(line: Line) -> str:
    if line.oversize:
        raise InvalidEventError(
            f"line: must have at most {MAX_LINE_BYTES} bytes; only these are kept here"
        )
    if not line.content or line.content.isspace():
        raise InvalidEventError("line: must not be empty")
    try:
        return line.content.decode()
    except UnicodeDecodeError:
        raise InvalidEventError("line: must be UTF-8") from None
