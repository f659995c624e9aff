"""How far an input is safe: positions whose events, and all before them, are settled."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass

OnSettled = Callable[[Sequence[object]], None]
"""Takes positions in the order in which they were put. See `Producer`."""


@dataclass(slots=True, eq=False)
class Mark:
    """A caller's position, and whether its event is settled."""

    position: object
    settled: bool = False


class Watermark:
    """Reports positions in the order of `add`, each once it and all before it are settled.

    Not safe between threads by itself: its owner holds a lock, also during the callback.
    """

    def __init__(self, on_settled: OnSettled) -> None:
        self._on_settled = on_settled
        self._marks: deque[Mark] = deque()

    def __len__(self) -> int:
        """Positions that were not reported yet."""
        return len(self._marks)

    def add(self, position: object) -> Mark:
        mark = Mark(position)
        self._marks.append(mark)
        return mark

    def advance(self) -> None:
        """Report what can be reported, in one call."""
        settled = []
        while self._marks and self._marks[0].settled:
            settled.append(self._marks.popleft().position)
        if settled:
            self._on_settled(settled)
