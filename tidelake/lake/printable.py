"""Text of unknown origin on a terminal."""

from __future__ import annotations


def printable(text: str) -> str:
    """`text` with control characters escaped: a logged path must not drive the terminal."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)
