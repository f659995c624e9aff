"""Calls of AWS take so many entries and no more."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import TypeVar

EntryT = TypeVar("EntryT")


def chunks(entries: Iterable[EntryT], size: int) -> Iterator[tuple[EntryT, ...]]:
    """The entries in order, `size` at a time, as `itertools.batched` of Python 3.12."""
    rest = iter(entries)
    while chunk := tuple(islice(rest, size)):
        yield chunk
