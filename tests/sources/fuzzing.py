"""Lines of every source, broken at random but the same each time; run as a program, it reads them.

    python -m tests.sources.fuzzing COUNT FOLDER

prints as JSON how many lines it wrote, what became of them, and what that took.
"""

from __future__ import annotations

import json
import random
import resource
import sys
import time
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from tidelake.contract.schema import CHANGE_DATA, SOURCES
from tidelake.sources.events import read_events
from tidelake.sources.options import SourceOptions
from tidelake.sources.simulation import LINE_GENERATORS
from tidelake.sources.synthetic.draw import Draw

AT = datetime(2026, 3, 2, tzinfo=UTC)
HUGE_BYTES = 10 * 1024 * 1024
FRAGMENTS = (
    b"\x00", b"\xff\xfe", b"\xed\xa0\x80", b"\\", b'\\"', b'"', b"\\u0000", b"\\ud800", b"[", b"]",
    b"{", b"}", b",", b":", b"\r", b"\x1b[31m", b"NaN", b"-Infinity", b"1e999", b"9" * 400,
    b"null", b"true", b" ", b"\t", b"\xf0\x9f\x98\x80", b"\xe2\x80\xa8", b"%s", b"-", b"", b"\x0b",
)  # fmt: skip


def fuzzed_lines(source: str, count: int, seed: int = 1) -> Iterator[bytes]:
    """Half-good lines without line feeds; one in 20,000 is of 10 MB."""
    draw = random.Random(f"{source} {seed}")  # noqa: S311 - no secret
    generator = LINE_GENERATORS[source](Draw(seed))
    for number in range(count):
        line = bytearray(generator.line(AT).encode())
        for _ in range(draw.randrange(4)):
            at = draw.randrange(len(line) + 1)
            kind = draw.randrange(4)
            if kind == 0:
                line[at:at] = draw.choice(FRAGMENTS) * draw.choice((1, 1, 2, 40))
            elif kind == 1:
                del line[at : at + draw.randrange(30)]
            elif kind == 2:
                line[at : at + 1] = bytes([draw.randrange(256)])
            else:
                line[at:at] = line[at : at + draw.randrange(60)]
        if number % 20_000 == 10_000:
            line[0:0] = bytes(line[:1]) * HUGE_BYTES
        yield bytes(line).replace(b"\n", b"?")


def main(count: int, folder: Path) -> None:
    """Write, read, report."""
    outcomes: Counter[str] = Counter()
    written = 0
    seconds = 0.0
    for source in SOURCES:
        path = folder / f"{source}.fuzzed"
        with path.open("wb") as file:
            for line in fuzzed_lines(source, count // len(SOURCES)):
                file.write(line + b"\n")
                written += 1
        started = time.process_time()
        by_id = {"": ("order_id",)} if source == CHANGE_DATA.name else {}
        options = SourceOptions(key_fields=by_id)
        outcomes.update(type(line).__name__ for line in read_events(path, source, options))
        seconds += time.process_time() - started
        path.unlink()
    peak_mib = _peak_kib() / 1024
    report = {"written": written, "outcomes": outcomes, "cpu": seconds, "peak_mib": peak_mib}
    sys.stdout.write(json.dumps(report) + "\n")


def _peak_kib() -> int:
    """The most memory of this process; getrusage on Linux counts also what its parent had."""
    status = Path("/proc/self/status")
    if not status.exists():
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    [line] = [line for line in status.read_text().splitlines() if line.startswith("VmHWM")]
    return int(line.split()[1])


if __name__ == "__main__":
    main(int(sys.argv[1]), Path(sys.argv[2]))
