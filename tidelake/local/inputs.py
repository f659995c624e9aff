"""The inputs that a command names: files, patterns of files, or the standard input."""

from __future__ import annotations

from collections.abc import Iterator
from glob import glob, has_magic
from pathlib import Path

from tidelake.contract.errors import ConfigurationError, InputError
from tidelake.contract.events import LineOutcome
from tidelake.sources.events import EventBuilder, events_of
from tidelake.sources.files import read_lines, read_standard_input
from tidelake.sources.options import SourceOptions

STANDARD_INPUT = "-"


def outcomes_of(
    inputs: tuple[str, ...], source: str, options: SourceOptions
) -> Iterator[LineOutcome]:
    """One outcome for every line of the inputs, in their order.

    The standard input is named as a file would be that holds the same, by its first line: sent
    again, its events have the same ids. Raises InputError as `read_lines` does, and for a pattern
    that matches nothing.
    """
    # One for all: a device's readings are judged by those of the file before, too.
    builder = EventBuilder(source, options)
    if STANDARD_INPUT in inputs:
        if len(inputs) > 1:
            raise ConfigurationError("--file", list(inputs), f"{STANDARD_INPUT} alone, or files")
        yield from events_of(read_standard_input(), builder)
        return
    for path in matching_files(inputs):
        yield from events_of(read_lines(path), builder)


def matching_files(inputs: tuple[str, ...]) -> list[Path]:
    """The files that names and patterns mean, each once; InputError for a pattern without any."""
    found: dict[Path, None] = {}
    for name in inputs:
        if not has_magic(name) or Path(name).exists():
            found[Path(name)] = None
            continue
        names = sorted(glob(name, recursive=True))  # noqa: PTH207 - patterns may be absolute
        files = [Path(match) for match in names if Path(match).is_file()]
        if not files:
            raise InputError(f"input {name!r} matches nothing; allowed: a pattern of files")
        found.update(dict.fromkeys(files))
    return list(found)
