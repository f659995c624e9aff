"""A realistic access log, in the Apache combined format."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

from tidelake.sources.synthetic.draw import Draw

_START = datetime(2026, 3, 2, tzinfo=UTC)
_DAYS = 3
_BAD_SHARE = 0.002
_REPEAT_SHARE = 0.004

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
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
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
    draw = Draw(seed)
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


class WebLogLines:
    """Lines of an endless access log, at the times asked for."""

    def __init__(self, draw: Draw) -> None:
        self._draw = draw
        self._clients = [_client(draw) for _ in range(400)]

    def line(self, at: datetime) -> str:
        return _line(self._draw, self._clients, at)

    def refused_line(self, at: datetime) -> str:
        """A line that cannot become an event, since it was cut off before its last quote."""
        return self.line(at)[:-1]


def _client(draw: Draw) -> str:
    """An address of the ranges for documentation (RFC 5737, RFC 3849)."""
    if draw.share() < 0.15:
        return f"2001:db8:{draw.below(65_536):x}::{1 + draw.below(65_535):x}"
    return f"{draw.one_of(('192.0.2', '198.51.100', '203.0.113'))}.{1 + draw.below(254)}"


def _line(draw: Draw, clients: Sequence[str], at: datetime) -> str:
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
    time = f"{at.day:02}/{_MONTHS[at.month - 1]}/{at.year}:{at:%H:%M:%S} +0000"
    referrer, agent = draw.one_of(_REFERRERS), draw.popular(_AGENTS)
    return f'{client} - {user} [{time}] "{request}" {status} {size} "{referrer}" "{agent}"'
