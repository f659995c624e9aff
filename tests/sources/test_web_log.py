"""A literal corpus of log lines, each with the event that it holds or the reason why not."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tests.sources.fuzzing import fuzzed_lines
from tidelake.contract.errors import InvalidEventError
from tidelake.contract.events import Event
from tidelake.sources.web_log import parse_any_web_log, parse_web_log

COMMON = '192.0.2.1 - - [17/May/2015:10:05:03 +0000] "GET / HTTP/1.1" 200 512'
COMBINED = f'{COMMON} "-" "curl/8.5.0"'
PARSED: dict[str, object] = {
    "event_time": "2015-05-17T10:05:03Z",
    "event_type": "request",
    "client_address": "192.0.2.1",
    "method": "GET",
    "target": "/",
    "protocol": "HTTP/1.1",
    "status": 200,
    "response_bytes": 512,
}
ABSENT = object()


def parsed(**fields: object) -> dict[str, object]:
    return {name: value for name, value in (PARSED | fields).items() if value is not ABSENT}


def line(
    *,
    head: str = "192.0.2.1 - -",
    time: str = "17/May/2015:10:05:03 +0000",
    request: str = "GET / HTTP/1.1",
    status: str = "200",
    size: str = "512",
    rest: str = "",
) -> str:
    return f'{head} [{time}] "{request}" {status} {size}{rest}'


def reason(text: str) -> str:
    with pytest.raises(InvalidEventError) as caught:
        parse_web_log(text)
    return str(caught.value)


@pytest.mark.parametrize(
    ("text", "event"),
    [
        pytest.param(COMMON, parsed(), id="common"),
        pytest.param(COMBINED, parsed(user_agent="curl/8.5.0"), id="combined"),
        pytest.param(
            '83.149.9.216 - - [17/May/2015:10:05:03 +0000] "GET /images/kibana-search.png HTTP/1.1"'
            ' 200 203023 "http://semicomplete.com/" "Mozilla/5.0 (Macintosh; Intel Mac OS X)"',
            parsed(
                client_address="83.149.9.216",
                target="/images/kibana-search.png",
                response_bytes=203023,
                referrer="http://semicomplete.com/",
                user_agent="Mozilla/5.0 (Macintosh; Intel Mac OS X)",
            ),
            id="combined of Apache",
        ),
        pytest.param(
            '2001:db8::1 - alice [17/May/2015:12:05:03 +0200] "POST /a?b=c&d=%20 HTTP/2.0" 499 0'
            ' "-" "-"',
            parsed(
                client_address="2001:db8::1",
                remote_user="alice",
                method="POST",
                target="/a?b=c&d=%20",
                protocol="HTTP/2.0",
                status=499,
                response_bytes=0,
            ),
            id="combined of Nginx, IPv6",
        ),
    ],
)
def test_common_and_combined_lines_are_parsed(text: str, event: dict[str, object]) -> None:
    assert parse_web_log(text) == event


@pytest.mark.parametrize(
    ("head", "fields"),
    [
        ("www.example.com - -", {"client_address": "www.example.com"}),
        ("localhost - -", {"client_address": "localhost"}),
        ("::1 - -", {"client_address": "::1"}),
        ("fe80::1%eth0 - -", {"client_address": "fe80::1%eth0"}),
        ("::ffff:192.0.2.1 - -", {"client_address": "::ffff:192.0.2.1"}),
        ("unix: - -", {"client_address": "unix:"}),
        ("192.0.2.1 identd -", {}),
        ("192.0.2.1 - bob@example.com", {"remote_user": "bob@example.com"}),
        ("192.0.2.1 - DOMAIN\\\\bob", {"remote_user": "DOMAIN\\bob"}),
        ("192.0.2.1 - Ann Lee", {"remote_user": "Ann Lee"}),
        ("www.example.com 192.0.2.1 - -", {"virtual_host": "www.example.com"}),
        ("www.example.com:443 192.0.2.1 - -", {"virtual_host": "www.example.com:443"}),
        ("192.0.2.9:80 192.0.2.1 - -", {"virtual_host": "192.0.2.9:80"}),
        ("[::1]:8080 192.0.2.1 - -", {"virtual_host": "[::1]:8080"}),
        ("[::1] 192.0.2.1 - -", {"virtual_host": "[::1]"}),
        ("_ 192.0.2.1 - -", {"virtual_host": "_"}),
        ("- 192.0.2.1 - -", {}),
        ("a.example ::1 - bob", {"virtual_host": "a.example", "client_address": "::1",
                                 "remote_user": "bob"}),
        ("a.example 192.0.2.1 - Ann Lee", {"virtual_host": "a.example", "remote_user": "Ann Lee"}),
    ],
)  # fmt: skip
def test_who_asked_and_where_is_told_apart(head: str, fields: dict[str, object]) -> None:
    assert parse_web_log(line(head=head)) == parsed(**fields)


@pytest.mark.parametrize(
    ("head", "expected"),
    [
        ("", "client_address: must be followed by identity, user and '['"),
        ("192.0.2.1", "client_address: must be followed by identity, user and '['"),
        ("192.0.2.1 -", "client_address: must be followed by identity, user and '['"),
        ('192.0.2.1 - "bob"', "client_address: must be followed by identity, user and '['"),
        ("192.0.2.1 - a[b", "client_address: must be followed by identity, user and '['"),
        ("- - -", "client_address: must be an IP address or a host name"),
        ("999.0.2.1 - -", "client_address: must be an IP address or a host name"),
        ("192.0.2 - -", "client_address: must be an IP address or a host name"),
        ("192.0.2.01 - -", "client_address: must be an IP address or a host name"),
        ("12345 - -", "client_address: must be an IP address or a host name"),
        ("192.0.2.1:5678 - -", "client_address: must be an IP address or a host name"),
        ("[::1] - -", "client_address: must be an IP address or a host name"),
        ("a:b:c - -", "client_address: must be an IP address or a host name"),
        ("a..b - -", "client_address: must be an IP address or a host name"),
        (f"{'a' * 64}.com - -", "client_address: must be an IP address or a host name"),
        (f"{'a.' * 127}a - -", "client_address: must be an IP address or a host name"),
        ("bücher.example - -", "client_address: must be an IP address or a host name"),
        ("www.example.com - - -", "remote_user: must be '-' or a name"),
        ("192.0.2.1 -  ", "remote_user: must be '-' or a name"),
        ("192.0.2.1 -  bob", "remote_user: must be '-' or a name"),
        ("www.example.com 192.0.2.1 -", "identity: must be '-' or letters, digits, '_' and '-'"),
        ("192.0.2.1, 192.0.2.2 - -", "virtual_host: must be a host, or a host and a port"),
        ("a.example: 192.0.2.1 - -", "virtual_host: must have a port from 0 to 65535"),
        ("a.example:65536 192.0.2.1 - -", "virtual_host: must have a port from 0 to 65535"),
        ("a.example:http 192.0.2.1 - -", "virtual_host: must have a port from 0 to 65535"),
        (f"a.example:{'9' * 5000} 192.0.2.1 - -", "virtual_host: must have a port from 0 to 65535"),
        ("a.example nohost! - -", "client_address: must be an IP address or a host name"),
    ],
)
def test_a_wrong_head_is_rejected(head: str, expected: str) -> None:
    assert reason(line(head=head)) == expected


@pytest.mark.parametrize(
    ("time", "utc"),
    [
        ("17/May/2015:10:05:03 +0000", "2015-05-17T10:05:03Z"),
        ("17/May/2015:10:05:03 -0000", "2015-05-17T10:05:03Z"),
        ("17/May/2015:01:05:03 +0200", "2015-05-16T23:05:03Z"),
        ("31/Dec/2015:23:05:03 -0130", "2016-01-01T00:35:03Z"),
        ("29/Feb/2016:00:00:00 +0545", "2016-02-28T18:15:00Z"),
        ("01/Mar/2016:00:00:00 +1400", "2016-02-29T10:00:00Z"),
        ("01/Jan/1970:00:00:00 +0000", "1970-01-01T00:00:00Z"),
        ("31/Dec/2199:23:59:59 +0000", "2199-12-31T23:59:59Z"),
    ],
)
def test_times_become_utc(time: str, utc: str) -> None:
    assert parse_web_log(line(time=time))["event_time"] == utc


FORM = "event_time: must be [dd/Mon/yyyy:hh:mm:ss +hhmm]"
EXISTS = "event_time: must be a date and time that exist"
OFFSET = "event_time: must have an offset from -1200 to +1400"
YEAR = "event_time: must be in a year from 1970 to 2199"


@pytest.mark.parametrize(
    ("time", "expected"),
    [
        ("", FORM),
        ("17/05/2015:10:05:03 +0000", FORM),
        ("7/May/2015:10:05:03 +0000", FORM),
        ("17/may/2015:10:05:03 +0000", FORM),
        ("17/May/2015:10:05:03", FORM),
        ("17/May/2015:10:05:03 0000", FORM),
        ("17/May/2015:10:05:03 +00:00", FORM),
        ("2015-05-17T10:05:03Z", FORM),
        ("17/May/２０15:10:05:03 +0000", FORM),  # noqa: RUF001 - wide digits are the point
        ("17/May/2015:10:05:03 +0000 ", FORM),
        ("00/May/2015:10:05:03 +0000", EXISTS),
        ("31/Apr/2015:10:05:03 +0000", EXISTS),
        ("29/Feb/2015:10:05:03 +0000", EXISTS),
        ("17/Mai/2015:10:05:03 +0000", EXISTS),
        ("17/May/2015:24:05:03 +0000", EXISTS),
        ("17/May/2015:10:60:03 +0000", EXISTS),
        ("17/May/2015:10:05:60 +0000", EXISTS),
        ("17/May/0000:10:05:03 +0000", EXISTS),
        ("01/Jan/0001:00:00:00 +1400", EXISTS),
        ("31/Dec/9999:23:59:59 -1200", EXISTS),
        ("17/May/2015:10:05:03 +0060", OFFSET),
        ("17/May/2015:10:05:03 +1401", OFFSET),
        ("17/May/2015:10:05:03 -1201", OFFSET),
        ("17/May/2015:10:05:03 +9999", OFFSET),
        ("01/Jan/1970:00:00:00 +0100", YEAR),
        ("01/Jan/2200:00:00:00 +0000", YEAR),
    ],
)
def test_a_time_that_is_none_is_rejected(time: str, expected: str) -> None:
    assert reason(line(time=time)) == expected


NO_REQUEST: dict[str, object] = {"method": ABSENT, "target": ABSENT, "protocol": ABSENT}


@pytest.mark.parametrize(
    ("request_line", "fields"),
    [
        ("-", NO_REQUEST),
        ("GET /", {"protocol": ABSENT}),
        ("OPTIONS * HTTP/1.0", {"method": "OPTIONS", "target": "*", "protocol": "HTTP/1.0"}),
        ("PROPFIND /dav HTTP/1.1", {"method": "PROPFIND", "target": "/dav"}),
        ("CONNECT example.com:443 HTTP/1.1", {"method": "CONNECT", "target": "example.com:443"}),
        ("GET /a b c HTTP/1.1", {"target": "/a b c"}),
        ("GET / HTTP/3", {"protocol": "HTTP/3"}),
        (r"GET /\"a\" HTTP/1.1", {"target": '/"a"'}),
        (r"GET /\\a HTTP/1.1", {"target": "/\\a"}),
        (r"GET /caf\xc3\xa9 HTTP/1.1", {"target": "/café"}),
        (r"GET /caf\xC3\xA9 HTTP/1.1", {"target": "/café"}),
        (r"GET /\x22a\x22 HTTP/1.1", {"target": '/"a"'}),
        (r"GET /\xe4\xc3\xa9 HTTP/1.1", {"target": r"/\xe4é"}),
        (r"GET /a\r\n\t\b\v HTTP/1.1", {"target": "/a\r\n\t\b\v"}),
        (r"GET /\x00 HTTP/1.1", {"target": "/\0"}),
        ("GET /é HTTP/1.1", {"target": "/é"}),
    ],
)
def test_the_request_line_is_taken_apart(request_line: str, fields: dict[str, object]) -> None:
    assert parse_web_log(line(request=request_line)) == parsed(**fields)


@pytest.mark.parametrize(
    ("request_line", "expected"),
    [
        ("", "protocol: must be HTTP/ and a version"),
        ("GET", "target: must stand between one space and one space"),
        ("POST /", "protocol: must be HTTP/ and a version"),
        ("GET HTTP/1.1", "target: must stand between one space and one space"),
        ("GET  HTTP/1.1", "target: must stand between one space and one space"),
        ("GET  / HTTP/1.1", "target: must stand between one space and one space"),
        ("GET /  HTTP/1.1", "target: must stand between one space and one space"),
        ("GET / HTTP/1.1 ", "protocol: must be HTTP/ and a version"),
        ("GET / http/1.1", "protocol: must be HTTP/ and a version"),
        ("GET / HTTP/11.1", "protocol: must be HTTP/ and a version"),
        ("GET / SIP/2.0", "protocol: must be HTTP/ and a version"),
        ("<script> / HTTP/1.1", "method: must be an HTTP token of at most 32 characters"),
        (f"{'A' * 33} / HTTP/1.1", "method: must be an HTTP token of at most 32 characters"),
        (r"\x16\x03\x01\x02", "protocol: must be HTTP/ and a version"),
        (r"GET /\q HTTP/1.1", "target: must have escapes of Apache or Nginx only"),
        (r"GET /\x4 HTTP/1.1", "target: must have escapes of Apache or Nginx only"),
        ('GET /"a" HTTP/1.1', "status: must be a number from 100 to 599"),
        ("GET /\\", "request: must be in double quotes"),
        ("GET /\tb HTTP/1.1", "line: must have no control characters"),
        ("GET /\0 HTTP/1.1", "line: must have no control characters"),
    ],
)
def test_a_wrong_request_is_rejected(request_line: str, expected: str) -> None:
    assert reason(line(request=request_line)) == expected


@pytest.mark.parametrize(
    ("size", "count"), [("-", 0), ("0", 0), ("512", 512), ("9" * 19, 10**19 - 1)]
)
def test_a_size_is_a_number_and_a_dash_counts_nothing(size: str, count: int) -> None:
    assert parse_web_log(line(size=size))["response_bytes"] == count


STATUS = "status: must be a number from 100 to 599"
SIZE = "response_bytes: must be '-' or a number of at most 19 digits"


@pytest.mark.parametrize(
    ("numbers", "expected"),
    [
        ({"status": "OK"}, STATUS),
        ({"status": "-"}, STATUS),
        ({"status": "000"}, STATUS),
        ({"status": "099"}, STATUS),
        ({"status": "600"}, STATUS),
        ({"status": "2000"}, STATUS),
        ({"status": "20"}, STATUS),
        ({"status": "+200"}, STATUS),
        ({"status": "٢٠٠"}, STATUS),
        ({"size": ""}, SIZE),
        ({"size": "-1"}, SIZE),
        ({"size": "1.5"}, SIZE),
        ({"size": "1e3"}, SIZE),
        ({"size": "--"}, SIZE),
        ({"size": "5" * 20}, SIZE),
        ({"size": "5" * 5000}, SIZE),
        ({"size": "512a"}, SIZE),
    ],
)
def test_numbers_that_are_none_are_rejected(numbers: dict[str, Any], expected: str) -> None:
    assert reason(line(**numbers)) == expected


@pytest.mark.parametrize(
    ("rest", "fields"),
    [
        ("", {}),
        (" ", {}),
        (" 0.005", {}),
        (" 0.005 upstream=192.0.2.7:80, 192.0.2.8:80", {}),
        (' "-" "-"', {}),
        (' "" ""', {"referrer": "", "user_agent": ""}),
        (' "http://a/" "b"', {"referrer": "http://a/", "user_agent": "b"}),
        (' "-" "b" 0.005', {"user_agent": "b"}),
        (' "-" "b" X-Forwarded-For=192.0.2.7', {"user_agent": "b"}),
        (' "-" "b" X-Forwarded-For="192.0.2.7, 192.0.2.8" rt=0.1', {"user_agent": "b"}),
        (' "-" "b" "192.0.2.7" "-"', {"user_agent": "b"}),
        (r' "-" "say \"hi\" \\"', {"user_agent": 'say "hi" \\'}),
        (r' "http://\xe4/" "-"', {"referrer": r"http://\xe4/"}),
    ],
)
def test_what_follows_the_size_is_read_or_passed_over(rest: str, fields: dict[str, object]) -> None:
    assert parse_web_log(line(rest=rest)) == parsed(**fields)


USER_AGENT = "user_agent: must be in double quotes"
BALANCED = "user_agent: must be followed by a space and balanced quotes, or nothing"


@pytest.mark.parametrize(
    ("rest", "expected"),
    [
        (' "-" "Mozilla/5.0 (cut off', USER_AGENT),
        (' "-"', USER_AGENT),
        (' "-" curl', USER_AGENT),
        (r' "-" "ends in an escape\"', USER_AGENT),
        (' "-', "referrer: must be in double quotes"),
        (' 0.005 "-" "b"', "referrer: must be in double quotes"),
        (' "-" "b"c', BALANCED),
        (' "-" "b" "c', BALANCED),
        (' "-" "an "unescaped" quote"', BALANCED),
        (f' "-" "cut{COMMON}', BALANCED),
        (f' "-" "b"{COMMON}', BALANCED),
        (' "-" "\x1b[31m"', "line: must have no control characters"),
        (r' "-" "\q"', "user_agent: must have escapes of Apache or Nginx only"),
    ],
)
def test_wrong_quotes_are_rejected(rest: str, expected: str) -> None:
    assert reason(line(rest=rest)) == expected


def test_two_lines_that_ran_into_each_other_are_rejected() -> None:
    assert reason(COMMON + COMMON) == SIZE


def test_a_reason_never_quotes_the_line() -> None:
    secret = "s3cr3t"
    for text in (
        line(head=f"{secret}! - -"),
        line(head=f"192.0.2.1 - {secret}["),
        line(time=secret),
        line(request=f"get /?password={secret}"),
        line(request=f"GET /?password={secret} {secret}"),
        line(status=secret),
        line(size=secret),
        line(rest=f' "-" "{secret}'),
        line(rest=f' "-" "{secret}\\q"'),
        secret,
    ):
        assert secret not in reason(text)


@given(st.text())
@example('\\"' * 100)
def test_any_text_is_parsed_or_rejected(text: str) -> None:
    with suppress(InvalidEventError):
        assert parse_web_log(text)["event_type"] == "request"


@given(st.data())
def test_a_damaged_line_is_parsed_or_rejected(data: st.DataObject) -> None:
    whole = line(head="a.example:80 ::1 - bob", rest=r' "http://a/\"" "b\x41" x="y"')
    start = data.draw(st.integers(0, len(whole)))
    end = data.draw(st.integers(start, len(whole)))
    middle = data.draw(st.text(alphabet='" \\[]-x0\n\0é', max_size=5))
    try:
        event = parse_web_log(whole[:start] + middle + whole[end:])
    except InvalidEventError:
        return
    assert isinstance(event["status"], int)


@pytest.mark.parametrize(
    "hostile",
    [
        pytest.param(lambda n: line(rest=' "' + "\\" * n), id="backslashes"),
        pytest.param(lambda n: line(rest=' "-" "b" ' + '"" ' * (n // 3) + '"'), id="quotes"),
        pytest.param(lambda n: line(rest=' "' + '\\"' * (n // 2)), id="escaped quotes"),
        pytest.param(lambda n: " ".join("a" * (n // 2)), id="words"),
        pytest.param(lambda n: "a." * (n // 2) + " - - [", id="labels"),
        pytest.param(lambda n: line(head="a" * n + "! - -"), id="long label"),
        pytest.param(lambda n: line(head="192.0.2.1 - " + " a" * (n // 2)), id="spaces"),
        pytest.param(lambda n: line(request="GET /" + " /" * (n // 2)), id="request"),
        pytest.param(lambda n: line(size="1" * n), id="digits"),
        pytest.param(lambda n: line(request="GET /" + r"\x41" * (n // 4) + " HTTP/1.1"), id="hex"),
        pytest.param(lambda n: line(rest=" " * n + '"'), id="rest"),
    ],
)
def test_double_the_length_takes_at_most_triple_the_time(hostile: Any) -> None:
    def seconds(length: int) -> float:
        text = hostile(length)
        best = float("inf")
        for _ in range(5):
            started = time.process_time()
            with suppress(InvalidEventError):
                parse_web_log(text)
            best = min(best, time.process_time() - started)
        return best

    # Grace for a busy machine's caches; what grows with the square takes minutes here.
    assert seconds(400_000) <= 3 * seconds(200_000) + 0.05


@pytest.mark.parametrize("seed", [1, 2])
def test_the_short_cut_for_plain_lines_makes_no_difference(seed: int) -> None:
    for raw in fuzzed_lines("web_log", 3_000, seed):
        text = raw[:2_000].decode(errors="replace")
        assert outcome(parse_web_log, text) == outcome(parse_any_web_log, text)


def outcome(parse: Callable[[str], Event], text: str) -> Event | str:
    try:
        return parse(text)
    except InvalidEventError as error:
        return str(error)
