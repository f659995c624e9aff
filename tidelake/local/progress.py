"""Progress of a long run: one line a stage, alive while it works, with its time at the end."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from rich.console import Console
from rich.markup import escape
from rich.status import Status

HEARTBEAT_SECONDS = 10.0


@dataclass
class Stage:
    """One stage of a run. On a terminal its line is redrawn; in a log it prints now and then."""

    title: str
    console: Console
    status: Status
    started: float = field(default_factory=time.monotonic)
    detail: str = ""
    _last_line: float = field(default_factory=time.monotonic)

    @property
    def seconds(self) -> float:
        return time.monotonic() - self.started

    def heartbeat(self, detail: str | None = None) -> None:
        """Show that the stage is alive, with what it is at; cheap enough to call often."""
        if detail is not None:
            self.detail = detail
        text = escape(f"{self.title}  {self.detail}  {self.seconds:.0f} s")
        if self.console.is_terminal:
            self.status.update(text)
        elif time.monotonic() - self._last_line >= HEARTBEAT_SECONDS:
            self._last_line = time.monotonic()
            self.console.print(f"  … {text}", highlight=False, soft_wrap=True)


@contextmanager
def stage(console: Console, title: str) -> Iterator[Stage]:
    """Show `title` while the block runs, and its time when it ends well."""
    with console.status(escape(title)) as status:
        current = Stage(title, console, status)
        current.heartbeat()
        yield current
    detail = f"  {escape(current.detail)}" if current.detail else ""
    console.print(
        f"[green]✓[/green] {escape(title)}{detail}  [dim]{current.seconds:.1f} s[/dim]",
        highlight=False,
        soft_wrap=True,
    )
