"""Chance that is the same on every machine."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import TypeVar

_T = TypeVar("_T")


class Draw:
    """Draws that depend on `random.random` alone, which every version of Python keeps alike."""

    def __init__(self, seed: int) -> None:
        self.share = random.Random(seed).random  # noqa: S311 - no secret
        """`share()`: a number from 0 up to, but not, 1."""

    def below(self, bound: int) -> int:
        return int(self.share() * bound)

    def one_of(self, choices: Sequence[_T]) -> _T:
        return choices[int(self.share() * len(choices))]

    def popular(self, choices: Sequence[_T]) -> _T:
        """As `one_of`, but the earlier ones much more often, as with paths and clients."""
        return choices[int(self.share() ** 2 * len(choices))]
