"""Files that are written to while they are read, as log shippers read them.

Every file that a pattern matches is read from its start, new ones as they appear. A renamed file is
read to its end; one that was copied and emptied is finished in its copy. What is compressed is
passed over: its lines were read before, or are found by their mark.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from glob import glob
from pathlib import Path
from typing import NamedTuple

from tidelake.contract.events import LineOutcome
from tidelake.sources.events import EventBuilder
from tidelake.sources.followed_file import FollowedFile, find_copy, is_compressed
from tidelake.sources.positions import FileMark, PositionFile

POLL_SECONDS = 0.25
"""How long to wait where nothing new came."""

ROTATION_SECONDS = 5.0
"""A renamed file is read on for this long after its last line: its writer may not know yet."""

SAVE_SECONDS = 1.0
"""How often positions are saved, at most."""


class _Read(NamedTuple):
    """A line that was given away, and where its file goes on after it."""

    position: int
    file: FollowedFile
    offset: int
    lines: int


class FollowedFiles:
    """An endless input of lines of one source, until `stop` says so.

    Each outcome has a `position`, counting from 1. Once it and all before it are safe, delivered or
    set aside, say `commit(position)`: a later process goes on after the last one that was
    committed, and gives the lines after it again, with the same event ids. Nothing is lost while
    no process runs, as long as what a file became stays beside it.
    """

    def __init__(
        self,
        patterns: Sequence[str],
        builder: EventBuilder,
        positions: PositionFile,
        *,
        stop: Callable[[], bool],
        before_save: Callable[[], None] = lambda: None,
        on_loss: Callable[[FileMark], None] = lambda _: None,
        on_refused: Callable[[Path], None] = lambda _: None,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        """`before_save` is called before positions are saved: the place to bring to the disk what
        was set aside. `on_loss` is told of a file whose rest cannot be found: it was emptied
        without a copy, or is gone; `on_refused`, once, of a file that may not be read."""
        self.position = 0
        """The position of the last outcome given."""
        self._patterns = patterns
        self._builder = builder
        self._positions = positions
        self._stop = stop
        self._before_save = before_save
        self._on_loss = on_loss
        self._on_refused = on_refused
        self._refused: set[Path] = set()
        self._clock = clock
        self._sleep = sleep
        self._growing: dict[tuple[int, int], FollowedFile] = {}
        self._rotated: dict[FollowedFile, float] = {}
        """Files that have no name any more that is followed, and when their last line came."""
        self._done: list[FollowedFile] = []
        """Files read to their end, of which lines are not committed yet."""
        self._given: deque[_Read] = deque()
        self._lock = threading.Lock()
        self._saved_at = clock()

    def __iter__(self) -> Iterator[LineOutcome]:
        self._resume(self._positions.load())
        while not self._stop():
            before = self.position
            self._discover()
            for file in [*self._rotated, *self._growing.values()]:
                yield from self._read(file)
            yield from self._retire()
            if self._clock() - self._saved_at >= SAVE_SECONDS:
                self.save()
            if self.position == before:
                self._sleep(POLL_SECONDS)

    def commit(self, position: int) -> None:
        """Everything up to and including `position` is safe. May be called from any thread."""
        with self._lock:
            while self._given and self._given[0].position <= position:
                read = self._given.popleft()
                read.file.committed_offset, read.file.committed_lines = read.offset, read.lines

    def save(self) -> None:
        """Bring what is committed to the disk. DeliveryError if that fails."""
        with self._lock:
            for file in [file for file in self._done if file.is_committed]:
                self._done.remove(file)
                file.close()
            marks = [file.mark() for file in (*self._done, *self._rotated, *self._growing.values())]
        self._before_save()
        self._positions.save([mark for mark in marks if mark is not None])
        self._saved_at = self._clock()

    def close(self) -> None:
        """Save, and close the files."""
        self.save()
        for file in (*self._done, *self._rotated, *self._growing.values()):
            file.close()

    def _resume(self, marks: Sequence[FileMark]) -> None:
        """Go on where the marks say, in the files as they are named now."""
        names = self._names()
        for mark in marks:
            path = names.get((mark.device, mark.inode))
            file = None if path is None else FollowedFile.open(path, mark)
            if file is None:
                file = find_copy(mark)
            if file is None:
                self._on_loss(mark)
            else:
                # Under its own name: what it became later is found by it again.
                file.path = Path(mark.path)
                self._follow(file, names)

    def _discover(self) -> None:
        """Follow what is new, and tell apart what was renamed or emptied."""
        names = self._names()
        for identity, file in list(self._growing.items()):
            if identity not in names:
                self._rotated[self._growing.pop(identity)] = self._clock()
            elif file.was_emptied():
                self._finish_copy(self._growing.pop(identity), names)
        for identity, path in names.items():
            if identity not in self._growing:
                opened = None if self._is_rotated(identity) else FollowedFile.open(path)
                if opened is not None:
                    self._growing[opened.identity] = opened

    def _names(self) -> dict[tuple[int, int], Path]:
        """Regular files that a pattern names, the oldest first, without the compressed ones.

        By device and inode, a file's identity whatever its name.
        """
        found = []
        names = set()
        for pattern in self._patterns:
            # A file's own name may look like a pattern: `app[1].log`.
            names.add(pattern)
            names.update(glob(pattern, recursive=True))  # noqa: PTH207 - patterns may be absolute
        for name in names:
            path = Path(name)
            try:
                if path.is_file() and not is_compressed(path):
                    status = path.stat()
                    found.append((status.st_mtime, path, (status.st_dev, status.st_ino)))
            except PermissionError:
                if path not in self._refused:
                    self._refused.add(path)
                    self._on_refused(path)
            except OSError:
                # Gone since it was named.
                continue
        return {identity: path for _, path, identity in sorted(found)}

    def _is_rotated(self, identity: tuple[int, int]) -> bool:
        return any(file.identity == identity for file in self._rotated)

    def _finish_copy(self, file: FollowedFile, names: dict[tuple[int, int], Path]) -> None:
        """An emptied file's bytes that were not read are in a copy of it, or nowhere."""
        copy = find_copy(file.last_seen())
        if copy is None:
            self._on_loss(file.last_seen())
            file.close()
        else:
            file.continue_in(copy)
            self._follow(file, names)

    def _follow(self, file: FollowedFile, names: dict[tuple[int, int], Path]) -> None:
        if file.identity in names:
            self._growing[file.identity] = file
        else:
            self._rotated[file] = self._clock()

    def _read(self, file: FollowedFile, *, to_the_end: bool = False) -> Iterator[LineOutcome]:
        for line in file.read(to_the_end=to_the_end):
            if file in self._rotated:
                self._rotated[file] = self._clock()
            self.position += 1
            with self._lock:
                self._given.append(_Read(self.position, file, file.offset, file.lines))
            yield self._builder.outcome(line, file.first_line, self.position)

    def _retire(self) -> Iterator[LineOutcome]:
        """Give the last, broken lines of files that nobody writes to any more, and leave them."""
        for file, last_line_at in list(self._rotated.items()):
            if self._clock() - last_line_at >= ROTATION_SECONDS:
                yield from self._read(file, to_the_end=True)
                del self._rotated[file]
                self._done.append(file)
