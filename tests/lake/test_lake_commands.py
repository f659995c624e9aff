"""What `check` and `results` print, and the status that they exit with."""

from __future__ import annotations

import json
from types import SimpleNamespace

import pytest

from tests.lake.a_lake import ALake, key_of, uri_of
from tidelake.cli import main

A = uri_of("a", 10)


@pytest.fixture
def deployed_lake(lake: ALake, monkeypatch: pytest.MonkeyPatch) -> ALake:
    """A balanced lake of one object, which the commands find as `local`."""
    lake.put_raw("a", 10, ["1", "2"])
    lake.put_ledger(A, read=2, events=2)
    lake.put_events(A, ["1", "2"])
    found = SimpleNamespace(files=lake.files, tables=lake.tables)
    for module in ("local.deployed", "operations.results"):
        monkeypatch.setattr(f"tidelake.{module}.deployed", lambda _: found)
    return lake


@pytest.mark.usefixtures("deployed_lake")
def test_check_of_a_balanced_lake_exits_with_0(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check"]) == 0
    assert capsys.readouterr().out.splitlines()[-1] == "balanced"


def test_check_exits_with_1_and_names_the_place_and_the_difference(
    deployed_lake: ALake, capsys: pytest.CaptureFixture[str]
) -> None:
    deployed_lake.delete("web_access", "event_id = '1'")

    assert main(["check"]) == 1
    assert f"2026-11-22T10: {A}: 2 events by the ledger, 1 rows in the event tables" in (
        capsys.readouterr().out
    )


def test_an_unverified_hour_fails_a_strict_check_alone(
    deployed_lake: ALake, capsys: pytest.CaptureFixture[str]
) -> None:
    deployed_lake.files.write(key_of("torn", 10), b"PAR1")
    deployed_lake.put_ledger(uri_of("torn", 10), read=0, events=0, status="unreadable")

    assert (main(["check"]), main(["check", "--strict"])) == (0, 1)
    assert "unverified (1)" in capsys.readouterr().out


@pytest.mark.usefixtures("deployed_lake")
def test_check_as_json_has_the_hours_and_the_verdict(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", "--json"]) == 0

    found = json.loads(capsys.readouterr().out)
    assert (found["balanced"], found["hours"][0]["hour"]) == (True, "2026-11-22T10")
    assert (found["hours"][0]["raw"], found["hours"][0]["verdict"]) == (2, "balanced")


@pytest.mark.usefixtures("deployed_lake")
def test_a_query_prints_a_table_or_json(capsys: pytest.CaptureFixture[str]) -> None:
    sql = "SELECT raw_hour, count(*) AS n FROM web_access GROUP BY ALL"

    assert main(["results", "--sql", sql]) == 0
    assert "2026-11-22T10:00:00Z" in capsys.readouterr().out
    assert main(["results", "--json", "--sql", sql]) == 0
    assert json.loads(capsys.readouterr().out) == [{"raw_hour": "2026-11-22T10:00:00Z", "n": 2}]


@pytest.mark.usefixtures("deployed_lake")
def test_rows_that_do_not_fit_are_printed_one_value_a_line(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["results", "--table", "ledger"]) == 0

    assert f"raw_object    {A}\n" in capsys.readouterr().out


@pytest.mark.usefixtures("deployed_lake")
def test_values_cannot_drive_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["results", "--sql", "SELECT '\x1b[2J' AS x"]) == 0

    assert "\\x1b[2J" in capsys.readouterr().out


@pytest.mark.usefixtures("deployed_lake")
def test_a_query_that_changes_something_exits_with_2_on_one_line(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["results", "--sql", "DELETE FROM ledger"]) == 2
    assert capsys.readouterr().err == "tidelake: --sql is DELETE; allowed: one SELECT\n"


def test_since_with_a_query_which_would_not_heed_it_is_refused(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["results", "--since", "2026-11-22T10", "--sql", "SELECT 1"]) == 2
    assert "none with --sql, which says itself" in capsys.readouterr().err


@pytest.mark.parametrize("text", ["yesterday", "2026-13-01", ""])
def test_a_time_that_is_none_is_refused(text: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as refused:
        main(["check", "--since", text])

    assert refused.value.code == 2
    assert f"--since: {text!r} is not allowed" in capsys.readouterr().err
