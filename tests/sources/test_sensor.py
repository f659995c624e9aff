from __future__ import annotations

import csv
import json
import time
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.sources.reading import events, outcomes, own_fields, reason, skipped
from tidelake.contract.errors import ConfigurationError
from tidelake.contract.events import ParsedLine, RejectedLine
from tidelake.sources.events import EventBuilder, read_events
from tidelake.sources.options import SourceOptions

SENSORS = Path(__file__).parents[3] / "shared" / "data" / "sensors"
HEADER = "timestamp,device_id,sensor_type,value,unit,location"
ROW = "2026-03-02 10:00:00,m1,temperature,7.5,C,hall 3"
EVENT = {
    "event_time": "2026-03-02T10:00:00Z",
    "event_type": "reading",
    "device_id": "m1",
    "sensor_type": "temperature",
    "value": 7.5,
    "unit": "C",
    "location": "hall 3",
    "quality": "good",
}
MACHINE = SourceOptions(settings={"device_id": "m1", "sensor_type": "temperature", "unit": "F"})


def readings(*values: float, minutes: float = 5) -> list[str]:
    start = datetime(2026, 3, 2, tzinfo=UTC)
    return ["timestamp,value"] + [
        f"{start + timedelta(minutes=minutes * number):%Y-%m-%d %H:%M:%S},{value}"
        for number, value in enumerate(values)
    ]


def verdicts(lines: list[str], options: SourceOptions = MACHINE) -> list[object]:
    return [event.get("quality_reason") for event in events("sensor", *lines, options=options)]


def test_a_row_of_csv_becomes_a_reading() -> None:
    (event,) = events("sensor", HEADER, ROW)
    assert own_fields(event) == EVENT
    assert (event["source"], event["ingest_time"]) == ("sensor", "2026-01-02T03:04:05Z")


def test_a_json_line_becomes_the_same_reading() -> None:
    line = (
        '{"time": "2026-03-02T11:00:00+01:00", "device": "m1", "type": "temperature",'
        ' "reading": 7.5, "unit": "C", "location": "hall 3"}'
    )
    assert own_fields(events("sensor", line)[0]) == EVENT


def test_the_header_is_skipped_and_counted() -> None:
    assert skipped("sensor", HEADER) == ["header"]


def test_columns_come_in_any_order_under_any_of_their_names() -> None:
    (event,) = events(
        "sensor",
        '"Reading", Unit ,device,"Type",time,location',
        ' 7.5 ,C,m1,temperature,"2026-03-02T10:00:00Z","hall 3"',
    )
    assert own_fields(event) == EVENT


def test_what_a_file_lacks_is_set_for_the_whole_of_it() -> None:
    options = SourceOptions(
        settings={
            "device_id": "m1", "sensor_type": "temperature", "unit": "C", "location": "hall 3",
        }
    )  # fmt: skip
    lines = ("timestamp,value", "2026-03-02 10:00:00,7.5")
    assert own_fields(events("sensor", *lines, options=options)[0]) == EVENT


def test_a_value_of_the_line_stands_before_the_one_that_is_set() -> None:
    options = SourceOptions(settings={"device_id": "other"})
    assert events("sensor", HEADER, ROW, options=options)[0]["device_id"] == "m1"


def test_equal_lines_of_two_devices_are_two_events() -> None:
    lines = ("timestamp,value", "2026-03-02 10:00:00,0")
    settings = [{**MACHINE.settings, "device_id": name} for name in ("m1", "m2")]
    one, two = (
        events("sensor", *lines, options=SourceOptions(settings=given)) for given in settings
    )
    assert one[0]["event_id"] != two[0]["event_id"]


def test_a_field_that_cannot_be_set_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="device_id, sensor_type, unit, location"):
        EventBuilder("sensor", SourceOptions(settings={"value": "1"}))
    with pytest.raises(ConfigurationError, match="nothing for the source web_log"):
        EventBuilder("web_log", SourceOptions(settings={"device_id": "1"}))


@pytest.mark.parametrize(
    ("row", "rule"),
    [
        ("2026-03-02 10:00:00,m1,temperature,7.5,C", "line: must have 6 columns"),
        (f"{ROW},more", "line: must have 6 columns"),
        (ROW.replace("m1", '"m1'),
         "line: must be CSV with balanced quotes and fields of at most 131072 characters"),
        (ROW.replace("2026-03-02", "2026-02-30"), "event_time: must be a date and time that exist"),
        (ROW.replace(" 10:00:00", ""), "event_time: must be like 2015-05-17T10:05:03Z"),
        (ROW.replace("2026-03-02 10:00:00", ""), "event_time: is missing"),
        (ROW.replace("7.5", ""), "value: is missing"),
        (ROW.replace("7.5", "warm"), "value: must be a finite number"),
        (ROW.replace("7.5", "nan"), "value: must be a finite number"),
        (ROW.replace("7.5", "1e999"), "value: must be a finite number"),
        (ROW.replace("7.5", "1_0"), "value: must be a finite number"),
        (ROW.replace("m1", ""), "device_id: is missing"),
        (ROW.replace("m1", "x" * 256), "device_id: must have at most 255 characters"),
        ('{"time": "2026-03-02T10:00:00Z", "device": "m1", "type": "t", "value": "7.5"}',
         "value: must be of type number"),
        ('{"time": "2026-03-02T10:00:00Z", "device": "m1", "type": "t", "value": true}',
         "value: must be of type number"),
        ('{"time": "2026-03-02T10:00:00Z", "device": ["m1"], "type": "t", "value": 1}',
         "device_id: must be of type string"),
        ('{"time": "2026-03-02T10:00:00Z", "device": "a", "device_id": "b", "value": 1}',
         "device_id: must be named once"),
        ('{"time": "2026-03-02T10:00:00Z", "device": "", "type": "t", "value": 1}',
         "device_id: is missing"),
        ('{"password": "s3cr3t"}',
         "line: must have only keys of timestamp, time, event_time, device_id, device, "
         "sensor_type, type, value, reading, unit, location"),
    ],
)  # fmt: skip
def test_a_wrong_row_is_rejected_with_its_reason(row: str, rule: str) -> None:
    found = outcomes("sensor", HEADER, row)[1]
    assert isinstance(found, RejectedLine)
    assert found.reason == rule


def test_json_that_is_no_object_is_not_taken_for_csv() -> None:
    reading = '{"time": "2026-03-02T10:00:00Z", "device": "m1", "type": "t", "value": 1}'
    found = outcomes("sensor", reading, "null")[1]
    assert isinstance(found, RejectedLine)
    assert found.reason == "line: must be a JSON object, as the first one is"


@pytest.mark.parametrize(
    "header", ["timestamp,device_id", "timestamp,value,secret", "value,reading"]
)
def test_every_line_under_a_wrong_header_is_rejected(header: str) -> None:
    found = outcomes("sensor", header, "1,2", "3,4")
    assert [line.reason.split(":")[0] for line in found if isinstance(line, RejectedLine)] == [
        "header", "header", "header",
    ]  # fmt: skip


def test_a_huge_wrong_header_is_looked_at_once() -> None:
    started = time.process_time()
    found = outcomes("sensor", '"' + "x," * 400_000, *["1,2"] * 3_000)
    assert all(isinstance(line, RejectedLine) for line in found)
    assert time.process_time() - started < 5


def test_a_file_without_a_header_is_rejected_and_not_taken_for_one() -> None:
    assert reason("sensor", "2026-03-02 10:00:00,7.5").startswith("header: must name a time")


STEADY = [20.0, 20.5, 20.2, 19.8, 20.1, 19.9] * 6


def test_steady_readings_are_good() -> None:
    assert set(verdicts(readings(*STEADY))) == {None}


def test_a_reading_far_from_the_usual_is_a_spike() -> None:
    assert verdicts(readings(*STEADY, 35.0, 20.1, 20.3))[36:] == ["spike", "spike", None]


def test_a_value_that_repeats_too_often_is_stuck() -> None:
    found = verdicts(readings(*STEADY, *([20.1] * 14)))
    assert found[36:] == [None] * 11 + ["stuck"] * 3


def test_a_long_silence_is_a_gap() -> None:
    lines = readings(*STEADY)
    assert verdicts([*lines, "2026-03-02 05:00:00,20.1"])[-1] == "gap"
    assert verdicts([*lines, "2026-03-02 03:15:00,20.1"])[-1] is None


def test_a_reading_before_the_last_one_is_out_of_order() -> None:
    lines = readings(*STEADY)
    assert verdicts([*lines, lines[-1], "2026-03-02 03:00:00,20.2"])[36:] == [
        "out_of_order", None,
    ]  # fmt: skip


def test_a_value_outside_what_can_be_is_out_of_range() -> None:
    assert verdicts(readings(400.0, 400.1, -151.0)) == [None, "range", "range"]
    bounded = SourceOptions(settings=MACHINE.settings, valid_range=(0.0, 30.0))
    assert verdicts(readings(0.0, 30.0, 30.1), bounded) == [None, None, "range"]


def test_a_suspect_reading_is_an_event_all_the_same() -> None:
    event = events("sensor", *readings(500.0), options=MACHINE)[0]
    assert (event["value"], event["quality"]) == (500.0, "suspect")


def test_each_device_is_judged_by_its_own_readings() -> None:
    rows = ["timestamp,device_id,type,value"]
    for number, value in enumerate(STEADY):
        for device, factor in (("a", 1), ("b", 1000)):
            rows.append(
                f"2026-03-02 {number // 60:02}:{number % 60:02}:00,{device},x,{value * factor}"
            )
    assert set(verdicts(rows, SourceOptions())) == {None}


def test_the_device_not_heard_of_for_the_longest_time_is_forgotten(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("tidelake.sources.sensor_quality.MAX_SENSORS", 2)
    rows = [f"2026-03-02 {hour:02}:00:00,{device},x,1" for hour, device in
            ((5, "a"), (5, "b"), (6, "a"), (5, "c"), (4, "b"), (4, "a"))]  # fmt: skip
    # The third device has taken the place of the second, whose earlier reading is a first one.
    assert verdicts(["timestamp,device_id,type,value", *rows], SourceOptions())[:5] == [None] * 5


@pytest.mark.skipif(not SENSORS.exists(), reason="the real readings lie outside the project")
@pytest.mark.parametrize(
    ("name", "counts", "windows"),
    [
        ("ambient_temperature_system_failure.csv", {"gap": 8, "spike": 4}, 1),
        ("machine_temperature_system_failure.csv", {"spike": 45, "out_of_order": 12}, 3),
    ],
)
def test_real_readings_are_all_events_and_most_labelled_failures_are_noticed(
    name: str, counts: dict[str, int], windows: int
) -> None:
    lines = list(read_events(SENSORS / name, "sensor", MACHINE))
    found = [line.event for line in lines if isinstance(line, ParsedLine)]
    with (SENSORS / name).open() as file:
        assert len(found) == sum(1 for _ in csv.DictReader(file))
    suspect = [event for event in found if event["quality"] == "suspect"]
    assert Counter(event["quality_reason"] for event in suspect) == counts
    labelled = json.loads((SENSORS / "anomaly_windows.json").read_text())[name]
    times = [str(event["event_time"]).replace("T", " ") for event in suspect]
    assert sum(any(a <= time <= b for time in times) for a, b in labelled) == windows
