"""What every parser of lines takes and gives."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

from tidelake.contract.errors import InvalidEventError
from tidelake.contract.events import Event
from tidelake.sources.files import MAX_LINE_BYTES, Line

SkipReason: TypeAlias = str
"""Why a line holds no event by its nature, in a word, such as `header` or `tombstone`."""

LineParser: TypeAlias = Callable[[Line, bytes], Event | SkipReason]
"""A line, and the first one of its file -> `event_time`, `event_type` and the source's own fields.

An event that its source names itself brings its `event_id`, too. It raises InvalidEventError,
which names field and rule and never a value, for a line that it cannot take."""


def line_text(line: Line) -> str:
    """The line as text; InvalidEventError for one that is too long, empty, or no UTF-8."""
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
