"""What a person reads at the end of a run."""

from __future__ import annotations

import io
from dataclasses import replace

from rich.console import Console

from tests.local.test_summary import a_summary
from tidelake.client.send import InputCounts
from tidelake.lake.ledger import CuratedCounts
from tidelake.lake.printable import printable
from tidelake.local.lifecycle import LocalStatus, StackState
from tidelake.local.report import print_report, print_status
from tidelake.local.summary import RawCounts, StreamCounts


def shown(*, path: str = "/") -> str:
    output = io.StringIO()
    print_report(Console(file=output, width=120), a_summary(path=path))
    return output.getvalue()


def test_the_ledger_shows_what_was_set_aside_and_why() -> None:
    lines = [line.split() for line in shown().splitlines() if "lines -> events" in line]

    assert lines[0][3:] == ["4", "3", "1", "rejected"]


def test_a_ledger_of_millions_fits_into_80_columns() -> None:
    summary = replace(
        a_summary(),
        input=InputCounts(lines=2_000_000, accepted=1_993_470, rejected=6_530),
        stream=StreamCounts(records=1_993_470, events=1_974_670),
        raw=RawCounts(objects=40, events=1_986_940, conversion_failed=6_530),
        curated=CuratedCounts(events=1_961_610, duplicates=18_800, quarantined=6_530),
    )
    output = io.StringIO()

    print_report(Console(file=output, width=80), summary)

    lines = [line.rstrip() for line in output.getvalue().splitlines()]
    assert lines[1 : lines.index("Events by hour, UTC")] == [
        "Ledger: in = out + set aside",
        "",
        " hop                             in        out  set aside",
        " ────────────────────────────────────────────────────────────────────────────",
        " lines -> events          2,000,000  1,993,470      6,530  rejected",
        " events -> data stream    1,993,470  1,974,670     18,800  sent again",
        " data stream -> raw zone  1,993,470  1,986,940      6,530  conversion failed",
        " raw zone -> curated      1,986,940  1,961,610     25,330  18,800 duplicates",
        "                                                           6,530 quarantined",
        "",
        "raw objects: 40, steps: 1",
    ]


def test_a_day_is_drawn_as_24_bars_of_its_hours() -> None:
    day = next(line for line in shown().splitlines() if "2015-05-17" in line)

    assert day == " 2015-05-17  web_log  " + " " * 10 + "█▄" + " " * 12 + "       3  "


def test_a_logged_path_cannot_drive_the_terminal() -> None:
    assert printable("/a\x1b[2Jb\u202e") == "/a\\x1b[2Jb\\u202e"


def test_a_logged_path_is_no_markup() -> None:
    assert "/[bold]x[/bold]" in shown(path="/[bold]x[/bold]")


def test_status_names_what_does_nothing_here() -> None:
    output = io.StringIO()

    print_status(
        Console(file=output, width=120),
        LocalStatus(
            endpoint="http://127.0.0.1:4566",
            pid=17,
            stacks=(StackState("tidelake-local-storage", "CREATE_COMPLETE"),),
            inert_types=("AWS::Budgets::Budget",),
        ),
    )

    assert output.getvalue().splitlines() == [
        "running at http://127.0.0.1:4566, process 17",
        "  tidelake-local-storage  CREATE_COMPLETE",
        "recorded only, they do nothing on the local AWS:",
        "  AWS::Budgets::Budget",
    ]
