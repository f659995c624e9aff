"""Access logs of Apache and Nginx: common and combined format.

    [virtual host[:port] ]client identity user [time] "request" status size
    [virtual host[:port] ]client identity user [time] "request" status size "referrer" "user agent"

What follows the user agent is passed over as long as its quotes are balanced. A line is parsed by
one regular expression of possessive quantifiers, so that its cost grows with its length alone;
a line that breaks a rule is rejected, since a wrong event is worse than a dead letter.

Apache writes `"`, `\\` and control characters in quoted fields as `\\"`, `\\\\`, `\\n`, `\\xhh`
(mod_log_config, "Format Notes"), Nginx as `\\xHH` (ngx_http_log_module, `escape=default`).
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from ipaddress import AddressValueError, IPv4Address, IPv6Address

from tidelake.contract.errors import InvalidEventError
from tidelake.contract.events import Event
from tidelake.sources.timestamps import YEARS

# Only single characters are repeated possessively: CPython gets possessive repeats of groups wrong
# (python/cpython issues 100061, 106052, and 101955, which 3.11 keeps), and not on every try. The
# groups need none: each of their turns begins with a character that nothing before it can take, so
# giving turns back fails at once and the time stays linear.
_CONTROL = r"\x00-\x1f\x7f"
_QUOTED = rf'"([^"\\{_CONTROL}]*+(?:\\[^{_CONTROL}][^"\\{_CONTROL}]*+)*)"'
_UNCAPTURED = _QUOTED.replace("([", "(?:[", 1)

_TIME_PATTERN = r"[0-9]{2}/[A-Z][a-z]{2}/[0-9]{4}(?::[0-9]{2}){3} [+-][0-9]{4}"
_TIME_RULE = "event_time: must be [dd/Mon/yyyy:hh:mm:ss +hhmm]"
_TIME = re.compile(rf"{_TIME_PATTERN}\Z")

# Each part of a line with what it must be; the last three exist in the combined format only.
_PARTS = (
    (
        rf'([^ "{_CONTROL}]++) ([^ "{_CONTROL}]++) ([^"\[\]{_CONTROL}]++)(?<= )',
        "client_address: must be followed by identity, user and '['",
    ),
    (
        rf"\[({_TIME_PATTERN})\]",
        _TIME_RULE,
    ),
    (rf" {_QUOTED}", "request: must be in double quotes"),
    (r" ([1-5][0-9]{2})(?= )", "status: must be a number from 100 to 599"),
    (r" (-|[0-9]{1,19}+)(?= |\Z)", "response_bytes: must be '-' or a number of at most 19 digits"),
    (rf" {_QUOTED}", "referrer: must be in double quotes"),
    (rf" {_QUOTED}", "user_agent: must be in double quotes"),
    (
        rf'(?: [^"{_CONTROL}]*+(?:{_UNCAPTURED}[^"{_CONTROL}]*+)*)?\Z',
        "user_agent: must be followed by a space and balanced quotes, or nothing",
    ),
)
_COMMON_PARTS = 5
_REST_OF_COMMON = rf'(?: [^"{_CONTROL}]*+)?\Z'
_LINE = re.compile(
    "".join(pattern for pattern, _ in _PARTS[:_COMMON_PARTS])
    + "(?:"
    + "".join(pattern for pattern, _ in _PARTS[_COMMON_PARTS:])
    + f"|{_REST_OF_COMMON})"
)
# Most lines of most logs: the combined format of a client alone, without an escape. They are what
# the general expression would make of them, at half the cost.
_PLAIN_LINE = re.compile(
    rf'([^ "{_CONTROL}]++) - - \[([^\]"{_CONTROL}]{{26}})\] '
    rf'"(GET|POST|HEAD|PUT|DELETE|OPTIONS|PATCH) ([^ "\\{_CONTROL}]++) (HTTP/(?:1\.[01]|2\.0))" '
    rf'([1-5][0-9]{{2}}) (-|[0-9]{{1,19}}+) "([^"\\{_CONTROL}]*+)" "([^"\\{_CONTROL}]*+)"\Z'
)
_EXPLAINED = tuple((re.compile(pattern), rule) for pattern, rule in _PARTS)
_CONTROL_CHARACTER = re.compile(f"[{_CONTROL}]")

_HOST_NAME = re.compile(r"(?=.{1,253}+\Z)[A-Za-z0-9_-]{1,63}+(?:\.[A-Za-z0-9_-]{1,63}+)*\.?\Z")
_IDENTITY = re.compile(r"[A-Za-z0-9_-]++\Z")
_METHOD = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,32}+\Z")
_PROTOCOL = re.compile(r"HTTP/[0-9](?:\.[0-9])?\Z")
_KNOWN_METHODS = frozenset(("GET", "POST", "HEAD", "PUT", "DELETE", "OPTIONS", "PATCH"))
_KNOWN_PROTOCOLS = frozenset(("HTTP/1.0", "HTTP/1.1", "HTTP/2.0"))

_STATUSES = {str(status): status for status in range(100, 600)}
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_OFFSETS_MINUTES = range(-12 * 60, 14 * 60 + 1)

_ESCAPE = re.compile(r"\\(?:x([0-9A-Fa-f]{2})|(.))", re.DOTALL)
_ESCAPED = {
    '"': b'"', "\\": b"\\", "b": b"\b", "n": b"\n", "r": b"\r", "t": b"\t", "v": b"\v",
}  # fmt: skip


def parse_web_log(line: str) -> Event:
    """Parse one line, without its line ending, into the fields that it holds.

    The event has `event_time` (UTC), `event_type` and the web_log fields; `-` leaves a field out,
    but counts 0 as a size. Escapes are undone; bytes that are no UTF-8 stay written as `\\xhh`.
    Raises InvalidEventError, which names the field and the rule and never quotes the line.
    """
    match = _PLAIN_LINE.match(line)
    if match is None:
        return parse_any_web_log(line)
    client, time, method, target, protocol, status, size, referrer, user_agent = match.groups()
    event_time = _utc(time)
    _check_client(client)
    event: Event = {
        "event_time": event_time,
        "event_type": "request",
        "client_address": client,
        "method": method,
        "target": target,
        "protocol": protocol,
        "status": _STATUSES[status],
        "response_bytes": 0 if size == "-" else int(size),
        "referrer": referrer,
        "user_agent": user_agent,
    }
    # Taking out costs less than a dictionary that has to grow.
    if referrer == "-":
        del event["referrer"]
    if user_agent == "-":
        del event["user_agent"]
    return event


def parse_any_web_log(line: str) -> Event:
    """As `parse_web_log`, without its short cut for plain lines."""
    match = _LINE.match(line)
    if match is None:
        raise InvalidEventError(_explain(line))
    first, second, rest, time, request, status, size, referrer, user_agent = match.groups()
    event: Event = {
        "event_time": _utc(time),
        "event_type": "request",
        "status": int(status),
        "response_bytes": 0 if size == "-" else int(size),
    }
    if second == "-" and rest == "- ":
        _check_client(first)
        event["client_address"] = first
    else:
        _add_head(event, first, second, rest[:-1])
    if request != "-":
        _add_request(event, request)
    if referrer is not None:
        if referrer != "-":
            event["referrer"] = _unescaped(referrer, "referrer")
        if user_agent != "-":
            event["user_agent"] = _unescaped(user_agent, "user_agent")
    return event


def _explain(line: str) -> str:
    """Why `line` does not match: the first part that is not there, and what it must be."""
    if _CONTROL_CHARACTER.search(line):
        return "line: must have no control characters"
    position = 0
    for pattern, rule in _EXPLAINED:
        match = pattern.match(line, position)
        if match is None:
            return rule
        position = match.end()
    raise AssertionError("a line that has every part matches the whole")


def _add_head(event: Event, first: str, second: str, rest: str) -> None:
    """Add who asked: a virtual host may stand before, and the user's name may hold spaces."""
    if second == "-" or " " not in rest:
        client, identity, user = first, second, rest
    else:
        identity, user = rest.split(" ", 1)
        client = second
        if first != "-":
            _check_virtual_host(first)
            event["virtual_host"] = first
    _check_client(client)
    if not _IDENTITY.match(identity):
        raise InvalidEventError("identity: must be '-' or letters, digits, '_' and '-'")
    event["client_address"] = client
    if user != "-":
        if not user or user != user.strip() or (" " in user and user.startswith("- ")):
            raise InvalidEventError("remote_user: must be '-' or a name")
        event["remote_user"] = _unescaped(user, "remote_user")


def _add_request(event: Event, request: str) -> None:
    """Split the request line. Only GET may lack a protocol (HTTP/0.9)."""
    method, _, rest = request.partition(" ")
    target, space, protocol = rest.rpartition(" ")
    if not space and method == "GET" and not protocol.startswith("HTTP/"):
        target = protocol
    elif protocol in _KNOWN_PROTOCOLS or _PROTOCOL.match(protocol):
        event["protocol"] = protocol
    else:
        raise InvalidEventError("protocol: must be HTTP/ and a version")
    if method not in _KNOWN_METHODS and not _METHOD.match(method):
        raise InvalidEventError("method: must be an HTTP token of at most 32 characters")
    if not target or target[0] == " " or target[-1] == " ":
        raise InvalidEventError("target: must stand between one space and one space")
    event["method"] = method
    event["target"] = _unescaped(target, "target")


@lru_cache(maxsize=65_536)
def _check_client(client: str) -> None:
    """Refuse what is neither an address nor a host name. Nginx names a socket's client `unix:`."""
    if not (_is_address(client) or _is_host_name(client) or client == "unix:"):
        raise InvalidEventError("client_address: must be an IP address or a host name")


@lru_cache(maxsize=4096)
def _check_virtual_host(text: str) -> None:
    host, colon, port = text.rpartition(":")
    if not colon or host.endswith(":") or text.endswith("]"):
        host, port = text, "0"
    bracketed = host.startswith("[") and host.endswith("]") and _is_address(host[1:-1])
    if not (bracketed or _is_address(host) or _is_host_name(host)):
        raise InvalidEventError("virtual_host: must be a host, or a host and a port")
    if not (port.isascii() and port.isdigit() and int(port[:6]) <= 65_535):
        raise InvalidEventError("virtual_host: must have a port from 0 to 65535")


def _is_address(text: str) -> bool:
    try:
        _ = IPv6Address(text) if ":" in text else IPv4Address(text)
    except AddressValueError:
        return False
    return True


def _is_host_name(text: str) -> bool:
    """A host name holds a letter: digits and dots alone are a wrong IPv4 address."""
    return (
        _HOST_NAME.match(text) is not None and text != "-" and not text.replace(".", "").isdigit()
    )


@lru_cache(maxsize=65_536)
def _utc(text: str) -> str:
    """`17/May/2015:12:05:03 +0200` as `2015-05-17T10:05:03Z`; lines of one second share it."""
    if not _TIME.match(text):
        raise InvalidEventError(_TIME_RULE)
    year = int(text[7:11])
    hours, minutes = int(text[22:24]), int(text[24:26])
    offset = (hours * 60 + minutes) * (-1 if text[21] == "-" else 1)
    if offset not in _OFFSETS_MINUTES or minutes > 59:
        raise InvalidEventError("event_time: must have an offset from -1200 to +1400")
    try:
        local = datetime(
            year, _MONTHS.index(text[3:6]) + 1, int(text[:2]),
            int(text[12:14]), int(text[15:17]), int(text[18:20]), tzinfo=UTC,
        )  # fmt: skip
        utc = local - timedelta(minutes=offset)
    except (ValueError, OverflowError):
        raise InvalidEventError("event_time: must be a date and time that exist") from None
    if utc.year not in YEARS:
        raise InvalidEventError("event_time: must be in a year from 1970 to 2199")
    return utc.strftime("%Y-%m-%dT%H:%M:%SZ")


def _unescaped(text: str, field: str) -> str:
    if "\\" not in text:
        return text
    parts = []
    end = 0
    for match in _ESCAPE.finditer(text):
        digits, letter = match.groups()
        if digits is None and letter not in _ESCAPED:
            raise InvalidEventError(f"{field}: must have escapes of Apache or Nginx only")
        parts.append(text[end : match.start()].encode())
        parts.append(_ESCAPED[letter] if digits is None else bytes.fromhex(digits))
        end = match.end()
    parts.append(text[end:].encode())
    return b"".join(parts).decode(errors="backslashreplace")
