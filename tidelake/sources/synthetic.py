"""A realistic access log out of nothing but a seed, for the demo and for tests."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TypeVar

_START = datetime(2026, 3, 2, tzinfo=UTC)
_DAYS = 3
_BAD_SHARE = 0.002
_REPEAT_SHARE = 0.004

_T = TypeVar("_T")

_PATHS = (
    "/", "/favicon.ico", "/index.html", "/style.css", "/app.js", "/robots.txt", "/login",
    "/search?q=tide+tables", "/search?q=%22spring+tide%22", "/tides/north-sea", "/tides/baltic",
    "/images/logo.png", "/images/harbour.jpg", "/api/v1/levels?station=12", "/api/v1/stations",
    "/blog/reading-a-tide-table", "/blog/moon-and-sea", "/downloads/tables-2026.pdf", "/contact",
    "/wp-login.php", r"/caf\xc3\xa9", r"/say?\"hi\"",
)  # fmt: skip
_REFERRERS = (
    "-", "-", "-", "https://www.example.com/", "https://search.example.net/?q=tides",
    "https://news.example.org/sea/today", r"https://example.net/?said=\"hello\"",
)  # fmt: skip
_AGENTS = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 Chrome/140.0 Safari/537.36",
    "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0",
    "Mozilla/5.0 (iPhone; CPU iPhone OS 19_0 like Mac OS X) AppleWebKit/605.1.15 Mobile/15E148",
    "curl/8.5.0",
    "ExampleBot/2.1 (+https://bot.example.com/about)",
    r"odd \"agent\" with \\ and \xe2\x98\x83",
    "-",
)
_STATUSES = (200,) * 84 + (304,) * 6 + (404,) * 5 + (301,) * 3 + (206, 500)
_BAD_LINES = (
    '198.51.100.7 - - [31/Feb/2026:10:00:00 +0000] "GET / HTTP/1.1" 200 512 "-" "curl/8.5.0"',
    '198.51.100.8 - - [02/Mar/2026:10:00:00 +0000] "GET / HTTP/1.1" 200 512 "-" "cut off in the mi',
    '198.51.100.9 - - [02/Mar/2026:10:00:00 +0000] "GET / HTTP/1.1" OK 512 "-" "curl/8.5.0"',
    "",
)


def access_log_lines(count: int, *, seed: int = 1) -> Iterator[str]:
    """Yield `count` lines of an Apache combined log over three days, without line endings.

    The same seed gives the same lines on every machine. About 2 in 1,000 are broken, 4 in 1,000
    repeat the line before; among the others are IPv6 clients, users, escapes and `-` requests.
    """
    draw = _Draw(seed)
    clients = [_client(draw) for _ in range(400)]
    span = timedelta(days=_DAYS) / max(count, 1)
    line = ""
    for number in range(count):
        chance = draw.share()
        if chance < _BAD_SHARE:
            yield draw.one_of(_BAD_LINES)
            continue
        if chance > _REPEAT_SHARE + _BAD_SHARE or not line:
            line = _line(draw, clients, _START + span * (number + draw.share()))
        yield line


def write_access_log(path: Path, *, lines: int = 10_000, seed: int = 1) -> None:
    """Write `access_log_lines` to a file."""
    with path.open("w", encoding="utf-8", newline="\n") as file:
        file.writelines(f"{line}\n" for line in access_log_lines(lines, seed=seed))


class _Draw:
    """Draws that depend on `random.random` alone, which every version of Python keeps alike."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)  # noqa: S311 - no secret

    def share(self) -> float:
        return self._random.random()

    def below(self, bound: int) -> int:
        return int(self._random.random() * bound)

    def one_of(self, choices: Sequence[_T]) -> _T:
        return choices[self.below(len(choices))]

    def popular(self, choices: Sequence[_T]) -> _T:
        """As `one_of`, but the earlier ones much more often, as with paths and clients."""
        return choices[int(self._random.random() ** 2 * len(choices))]


def _client(draw: _Draw) -> str:
    """An address of the ranges for documentation (RFC 5737, RFC 3849)."""
    if draw.share() < 0.15:
        return f"2001:db8:{draw.below(65_536):x}::{1 + draw.below(65_535):x}"
    return f"{draw.one_of(('192.0.2', '198.51.100', '203.0.113'))}.{1 + draw.below(254)}"


def _line(draw: _Draw, clients: Sequence[str], at: datetime) -> str:
    client = draw.popular(clients)
    user = "harbour" if draw.share() < 0.01 else "-"
    if draw.share() < 0.003:
        request, status, size = "-", 408, "-"
    else:
        method = "POST" if draw.share() < 0.02 else "GET"
        request = f"{method} {draw.popular(_PATHS)} HTTP/{draw.one_of(('1.1', '1.1', '2.0'))}"
        status = draw.one_of(_STATUSES)
        size = "-" if status == 304 else str(200 + draw.below(60_000))
    # English month names, whatever the machine's locale says.
    month = ("Jan", "Feb", "Mar")[at.month - 1]
    time = f"{at.day:02}/{month}/{at.year}:{at:%H:%M:%S} +0000"
    referrer, agent = draw.one_of(_REFERRERS), draw.popular(_AGENTS)
    return f'{client} - {user} [{time}] "{request}" {status} {size} "{referrer}" "{agent}"'
