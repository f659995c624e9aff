"""From lines of one source to its events: parse, name, validate, line by line."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path

from tidelake.contract.errors import ConfigurationError, InvalidEventError
from tidelake.contract.events import (
    Event,
    LineOutcome,
    ParsedLine,
    RejectedLine,
    SkippedLine,
    line_event_id,
)
from tidelake.contract.schema import (
    APP_EVENT,
    CHANGE_DATA,
    SCHEMA_VERSION,
    SENSOR,
    SOURCES,
    WEB_LOG,
)
from tidelake.sources.app_event import AppEventParser
from tidelake.sources.change_data import ChangeDataParser
from tidelake.sources.files import Line, read_lines
from tidelake.sources.lines import LineParser, SkipReason, line_text
from tidelake.sources.options import SourceOptions
from tidelake.sources.sensor import SensorParser
from tidelake.sources.validate import validator_for
from tidelake.sources.web_log import parse_web_log

NO_OPTIONS = SourceOptions()


def read_events(
    path: Path,
    source_name: str,
    options: SourceOptions = NO_OPTIONS,
    *,
    clock: Callable[[], float] = time.time,
) -> Iterator[LineOutcome]:
    """Yield one outcome for every line of a file, in order, with bounded memory.

    A ParsedLine holds a valid event, whose `event_id` is the same at every reading of the file
    and after a rename; a RejectedLine and a SkippedLine say why there is none. `clock` gives
    seconds since 1970 for `ingest_time`. Raises ConfigurationError for an unknown source or an
    option that it does not take, InputError as `read_lines` does.
    """
    return events_of(read_lines(path), EventBuilder(source_name, options, clock))


def events_of(lines: Iterable[Line], builder: EventBuilder) -> Iterator[LineOutcome]:
    """As `read_events`, for the lines of any one input."""
    first_line = b""
    for line in lines:
        if line.number == 1:
            first_line = line.content
        yield builder.outcome(line, first_line)


class EventBuilder:
    """Makes whole, valid events of one source out of lines.

    For lines of several files, too: `first_line` tells them apart.
    """

    def __init__(
        self,
        source_name: str,
        options: SourceOptions = NO_OPTIONS,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._parse = parser_for(source_name, options)
        self._validator = validator_for(SOURCES[source_name])
        self._source_name = source_name
        self._origin = options.origin_of(source_name)
        self._clock = clock
        self._second = -1
        self._ingest_time = ""

    def outcome(self, line: Line, first_line: bytes, position: int = 0) -> LineOutcome:
        """What becomes of one line; `first_line` is its file's."""
        try:
            event = self._parse(line, first_line)
            if isinstance(event, str):
                return SkippedLine(self._source_name, line.number, event, position)
            self._complete(event, line, first_line)
        except InvalidEventError as error:
            return RejectedLine(self._source_name, line.number, str(error), line.content, position)
        return ParsedLine(line.number, event, line.content, position)

    def _complete(self, event: Event, line: Line, first_line: bytes) -> None:
        if "event_id" not in event:
            event["event_id"] = line_event_id(self._origin, first_line, line.offset, line.content)
        event["ingest_time"] = self._now()
        event["source"] = self._source_name
        event["schema_version"] = SCHEMA_VERSION
        if not self._validator.is_valid(event):
            self._validator.check(event)

    def _now(self) -> str:
        second = int(self._clock())
        if second != self._second:
            self._second = second
            self._ingest_time = f"{datetime.fromtimestamp(second, UTC):%Y-%m-%dT%H:%M:%SZ}"
        return self._ingest_time


class _WebLogParser:
    def __init__(self, options: SourceOptions) -> None:
        del options

    def __call__(self, line: Line, first_line: bytes) -> Event | SkipReason:
        del first_line
        return parse_web_log(line_text(line))


_PARSERS: dict[str, Callable[[SourceOptions], LineParser]] = {
    WEB_LOG.name: _WebLogParser,
    SENSOR.name: SensorParser,
    CHANGE_DATA.name: ChangeDataParser,
    APP_EVENT.name: AppEventParser,
}


def parser_for(source_name: str, options: SourceOptions = NO_OPTIONS) -> LineParser:
    """A parser of the lines of one input of a source.

    Raises ConfigurationError for a source that there is not, or an option that it does not take.
    """
    if source_name not in _PARSERS:
        raise ConfigurationError("source", source_name, ", ".join(sorted(_PARSERS)))
    options.check(source_name)
    return _PARSERS[source_name](options)
