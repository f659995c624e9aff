"""Exit statuses and the one line of an error."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from tidelake import cli
from tidelake.commands import local
from tidelake.contract.errors import ConfigurationError, InputError, PipelineError, TransportError


def run_raising(error: BaseException, monkeypatch: pytest.MonkeyPatch, *options: str) -> int:
    def fail(_: object) -> int:
        raise error

    monkeypatch.setattr(local, "_down", fail)
    return cli.main([*options, "local", "down"])


@pytest.mark.parametrize(
    ("error", "status", "said"),
    [
        (InputError("access.log is empty"), 2, "tidelake: access.log is empty"),
        (
            ConfigurationError("environment", "prood", "one of local, dev, prod"),
            2,
            "tidelake: environment = 'prood' is not allowed; allowed: one of local, dev, prod",
        ),
        (
            TransportError("GetRecords", "events", "EndpointConnectionError", retryable=True),
            1,
            "tidelake: GetRecords on data stream 'events' failed: EndpointConnectionError",
        ),
        (
            TransportError("GetRecords", "events", "ResourceNotFoundException", retryable=False),
            2,
            "tidelake: GetRecords on data stream 'events' failed: ResourceNotFoundException",
        ),
        (PipelineError("step s-1 FAILED"), 1, "tidelake: step s-1 FAILED"),
        (ZeroDivisionError("oh"), 1, "tidelake: ZeroDivisionError: oh (--debug shows where)"),
        (KeyboardInterrupt(), 130, "tidelake: interrupted"),
    ],
)
def test_an_error_is_one_line_and_a_status(
    error: BaseException,
    status: int,
    said: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert run_raising(error, monkeypatch) == status
    assert capsys.readouterr().err == f"{said}\n"


def test_debug_shows_the_traceback(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    run_raising(InputError("access.log is empty"), monkeypatch, "--debug")

    assert "Traceback" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "tidelake: the following arguments are required: COMMAND; see tidelake --help\n"),
        (["stream", "scale", "--shards", "0"],
         "tidelake: argument --shards: 0 is not allowed; allowed: 1 or more; "
         "see tidelake stream scale --help\n"),
    ],
)  # fmt: skip
def test_wrong_usage_is_said_in_one_line(
    arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as caught:
        cli.main(arguments)

    assert caught.value.code == 2
    assert capsys.readouterr().err == said


@pytest.mark.parametrize(
    ("option", "allowed"),
    [
        ("--rate=x", "x is not allowed; allowed: 1 or more"),
        ("--events=9223372036854775808", "allowed: 1 to 9223372036854775807"),
        ("--bad=x", "x is not allowed; allowed: 0% to 100%"),
        ("--late=nan", "nan is not allowed; allowed: 0% to 100%"),
        ("--drain-seconds=x", "x is not allowed; allowed: 0 or more seconds"),
    ],
)
def test_an_argument_that_is_no_number_is_refused_by_its_own_rule(
    option: str, allowed: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        cli.main(["simulate", option])
    assert allowed in capsys.readouterr().err


@pytest.mark.parametrize(
    "text", ["30s", "15m", "2h", "1d", "2026-01-31T08", "2026-01-31T08:00:00Z"]
)
def test_a_time_to_begin_at_is_an_age_or_a_moment(text: str) -> None:
    parsed = cli._parser().parse_args(["tail", "--since", text])
    assert parsed.start.type == "AT_TIMESTAMP"
    assert parsed.start.timestamp < datetime.now(UTC)


@pytest.mark.parametrize(
    "text", ["", "x", "5", "5w", "-5m", "9999-01-01Z", "999999d", "0001-01-01T00+14:00"]
)
def test_another_time_to_begin_at_is_refused(text: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        cli.main(["tail", f"--since={text}"])
    assert f"{text!r} is not allowed; allowed: " in capsys.readouterr().err


@pytest.mark.parametrize(
    ("option", "position"), [("--from-start", "TRIM_HORIZON"), ("--from-now", "LATEST")]
)
def test_a_worker_begins_at_either_end_of_the_stream(option: str, position: str) -> None:
    parsed = cli._parser().parse_args(["consume", "--application", "a", option])
    assert parsed.start.type == position


@pytest.mark.parametrize("text", ["status", "made_up=1", "=1"])
def test_a_condition_on_no_field_is_refused(text: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        cli.main(["tail", "--where", text])
    assert "allowed: FIELD=VALUE with a field of" in capsys.readouterr().err
