"""Events, and the lines that could not become one, as every part hands them on."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import lru_cache
from typing import TypeAlias

Event: TypeAlias = dict[str, object]
"""One typed event: a field of the field table -> its value; absent fields are left out."""


@dataclass(frozen=True, slots=True)
class ParsedLine:
    """A line that became an event. `line` counts from 1.

    `position` is its place among all lines of a followed input, see `FollowedFiles.commit`.
    """

    line: int
    event: Event
    raw: bytes
    position: int = 0


@dataclass(frozen=True, slots=True)
class RejectedLine:
    """A line that was set aside. `reason` names the field and the rule, never the value."""

    source: str
    line: int
    reason: str
    raw: bytes
    position: int = 0


@dataclass(frozen=True, slots=True)
class SkippedLine:
    """A line that holds no event by its nature, such as a header or a tombstone: `reason`."""

    source: str
    line: int
    reason: str
    position: int = 0


LineOutcome: TypeAlias = ParsedLine | RejectedLine | SkippedLine
"""What became of one line: lines = parsed + rejected + skipped."""


def line_event_id(origin: str, first_line: bytes, byte_offset: int, line: bytes) -> str:
    """The id of the event that one line of a file holds: 32 hexadecimal digits.

    `origin` is the source's name with what else tells inputs apart. The file's first line stands
    for the file, so that the id survives a rename and a second reading; the offset in the
    uncompressed input tells identical lines apart.
    """
    place = b"%d" % byte_offset
    digest = _file_digest(origin, first_line).copy()
    digest.update(len(place).to_bytes(8, "big") + place + len(line).to_bytes(8, "big") + line)
    return digest.hexdigest()


def own_event_id(*parts: str) -> str:
    """The id of an event that its source names itself: 32 hexadecimal digits.

    `parts` are the source, its own id and the event's time: with the time among them, one id
    never has two times, so that duplicates always meet in the same partition of the tables.
    """
    digest = hashlib.blake2b(digest_size=16)
    for part in parts:
        encoded = part.encode()
        digest.update(len(encoded).to_bytes(8, "big") + encoded)
    return digest.hexdigest()


@lru_cache(maxsize=4)
def _file_digest(origin: str, first_line: bytes) -> hashlib.blake2b:
    """What all lines of a file share: digested once, since a first line may be long."""
    digest = hashlib.blake2b(digest_size=16)
    for part in (origin.encode(), first_line):
        digest.update(len(part).to_bytes(8, "big"))
        digest.update(part)
    return digest
