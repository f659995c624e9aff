"""Envelopes as the connectors write them, shortened where nothing is read."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest

from tests.sources.reading import events, own_fields, reason, skipped
from tidelake.sources.options import SourceOptions

MYSQL: dict[str, Any] = {
    "version": "3.0.5.Final", "connector": "mysql", "name": "shop-server",
    "ts_ms": 1_772_445_600_250, "snapshot": "false", "db": "shop", "sequence": None,
    "ts_us": 1_772_445_600_250_000, "table": "orders", "server_id": 223_344, "gtid": None,
    "file": "mysql-bin.000003", "pos": 484, "row": 0, "thread": 7, "query": None,
}  # fmt: skip
POSTGRESQL: dict[str, Any] = {
    "version": "3.0.5.Final", "connector": "postgresql", "name": "shop-server",
    "ts_ms": 1_772_445_600_250, "snapshot": "false", "db": "shop",
    "sequence": '["24023119","24023128"]', "schema": "public", "table": "orders", "txId": 555,
    "lsn": 24_023_128, "xmin": None,
}  # fmt: skip
SQLSERVER: dict[str, Any] = {
    "version": "1.9.7.Final", "connector": "sqlserver", "name": "shop-server",
    "ts_ms": 1_772_445_600_250, "snapshot": "false", "db": "shop", "sequence": None,
    "schema": "dbo", "table": "orders", "change_lsn": "0000002b:000002e3:0002",
    "commit_lsn": "0000002B:000002E3:0003", "event_serial_no": 1,
}  # fmt: skip
MONGODB: dict[str, Any] = {
    "version": "3.0.5.Final", "connector": "mongodb", "name": "shop-server",
    "ts_ms": 1_772_445_600_000, "snapshot": "false", "db": "shop", "collection": "orders",
    "ord": 31, "lsid": None, "txnNumber": None,
}  # fmt: skip
ORACLE: dict[str, Any] = {
    "version": "3.0.5.Final", "connector": "oracle", "name": "shop-server",
    "ts_ms": 1_772_445_600_250, "snapshot": "false", "db": "ORCLPDB1", "schema": "SHOP",
    "table": "ORDERS", "txId": "6.28.807", "scn": "2122185", "commit_scn": "2122186",
    "rs_id": "0x000031.00000ff2.0010", "ssn": 2, "redo_thread": 1,
}  # fmt: skip

BEFORE = {"order_id": 7, "status": "pending"}
AFTER = {"order_id": 7, "status": "paid"}
KEY = {"order_id": 7}


def envelope(source: dict[str, Any] = MYSQL, /, op: str = "u", **changes: object) -> dict[str, Any]:
    made = {
        "before": None if op in "cr" else BEFORE,
        "after": None if op == "d" else AFTER,
        "source": copy.deepcopy(source),
        "op": op,
        "ts_ms": 1_772_445_600_987,
        "transaction": None,
    }
    return {**made, **changes}


def record(value: object, key: object = KEY) -> str:
    return json.dumps({"key": key, "value": value})


def with_schema(payload: object) -> dict[str, object]:
    return {"schema": {"type": "struct", "fields": [], "name": "Envelope"}, "payload": payload}


def position(source: dict[str, Any], **changes: object) -> str:
    (event,) = events("change_data", record(envelope({**source, **changes})))
    return str(event["source_position"])


def test_an_update_becomes_an_event() -> None:
    (event,) = events("change_data", record(envelope()))
    assert own_fields(event) == {
        "event_time": "2026-03-02T10:00:00.25Z",
        "event_type": "update",
        "connector": "mysql",
        "database_name": "shop",
        "table_name": "orders",
        "operation": "UPDATE",
        "is_snapshot": False,
        "change_type": "critical_update",
        "row_key": '{"order_id":7}',
        "source_position": "mysql-bin.0000000003:00000000000000000484:0000000000",
        "row_before": '{"order_id":7,"status":"pending"}',
        "row_after": '{"order_id":7,"status":"paid"}',
    }


@pytest.mark.parametrize(
    ("op", "operation", "is_snapshot"),
    [("c", "INSERT", False), ("u", "UPDATE", False), ("d", "DELETE", False), ("r", "INSERT", True)],
)
def test_each_operation_has_its_name_and_a_snapshot_reads_inserts(
    op: str, operation: str, is_snapshot: bool
) -> None:
    (event,) = events("change_data", record(envelope(op=op)))
    assert (event["operation"], event["is_snapshot"]) == (operation, is_snapshot)


@pytest.mark.parametrize(
    ("snapshot", "is_snapshot"),
    [("true", True), ("last", True), ("incremental", True), (True, True), ("false", False),
     (False, False), (None, False)],
)  # fmt: skip
def test_the_connector_says_what_a_snapshot_is(snapshot: object, is_snapshot: bool) -> None:
    (event,) = events("change_data", record(envelope({**MYSQL, "snapshot": snapshot}, op="c")))
    assert event["is_snapshot"] is is_snapshot


def test_every_form_of_a_record_gives_the_same_event() -> None:
    value = envelope()
    by_id = SourceOptions(key_fields={"orders": ("order_id",)})
    forms = [
        record(value),
        record(with_schema(value), with_schema(KEY)),
        record(json.dumps(value), json.dumps(KEY)),
        record(json.dumps(with_schema(value)), json.dumps(with_schema(KEY))),
        json.dumps({"topic": "t", "partition": 0, "offset": 3, "key": json.dumps(KEY),
                    "payload": json.dumps(value)}),
        json.dumps(value),
        json.dumps(with_schema(value)),
        record(value, key=None),
        json.dumps({"value": value}),
    ]  # fmt: skip
    found = [events("change_data", form, options=by_id)[0] for form in forms]
    assert all(event == found[0] for event in found)


def test_a_redelivered_change_has_the_same_id_wherever_it_stands() -> None:
    first, again = events(
        "change_data", record(envelope()), record(envelope(ts_ms=1_772_445_999_999))
    )
    assert first["event_id"] == again["event_id"]
    assert first["event_time"] == again["event_time"]


@pytest.mark.parametrize(
    "other",
    [
        record(envelope({**MYSQL, "row": 1})),
        record(envelope({**MYSQL, "pos": 485})),
        record(envelope({**MYSQL, "db": "other"})),
        record(envelope({**MYSQL, "table": "other"})),
        record(envelope({**MYSQL, "name": "other-server"})),
        record(envelope({**MYSQL, "connector": "mariadb"})),
        record(envelope({**MYSQL, "ts_ms": 1})),
        record(envelope(), key={"order_id": 8}),
        record(envelope(op="d")),
    ],
)
def test_another_change_has_another_id(other: str) -> None:
    one, two = events("change_data", record(envelope()), other)
    assert one["event_id"] != two["event_id"]


@pytest.mark.parametrize(
    ("kind", "line"),
    [
        ("tombstone", record(None)),
        ("tombstone", json.dumps({"topic": "t", "key": "{}", "payload": None})),
        ("tombstone", "null"),
        ("truncate", record({**envelope(op="u"), "op": "t", "after": None})),
        ("message", json.dumps({"op": "m", "ts_ms": 1, "source": POSTGRESQL, "message": {}})),
        ("heartbeat", record({"ts_ms": 1_772_445_600_987}, {"serverName": "shop-server"})),
        ("heartbeat", json.dumps({"ts_ms": 1_772_445_600_987})),
        ("heartbeat", json.dumps(with_schema({"ts_ms": 1_772_445_600_987}))),
        ("transaction_marker",
         json.dumps({"status": "BEGIN", "id": "571:53195829", "ts_ms": 1, "event_count": None})),
        ("transaction_marker",
         record({"status": "END", "id": "571:53195829", "event_count": 2}, {"id": "571:53195829"})),
        ("schema_change", record({"source": MYSQL, "databaseName": "shop", "ddl": "CREATE TABLE"})),
    ],
)  # fmt: skip
def test_what_is_no_row_is_skipped_by_its_kind(kind: str, line: str) -> None:
    assert skipped("change_data", line) == [kind]


@pytest.mark.parametrize(
    ("source", "text"),
    [
        (MYSQL, "mysql-bin.0000000003:00000000000000000484:0000000000"),
        ({**MYSQL, "file": "", "pos": 0}, ":00000000000000000000:0000000000"),
        (POSTGRESQL, "00000000000024023128"),
        (SQLSERVER, "0000002b:000002e3:0003:0000002b:000002e3:0002:0000000001"),
        ({**SQLSERVER, "change_lsn": None, "event_serial_no": None},
         "0000002b:000002e3:0003:00000000:00000000:0000:0000000000"),
        (ORACLE, "00000000000002122185:0000000002"),
        (MONGODB, "00000001772445600000:0000000031"),
    ],
)  # fmt: skip
def test_each_connector_has_its_position(source: dict[str, Any], text: str) -> None:
    assert position(source) == text


@pytest.mark.parametrize(
    ("source", "earlier", "later"),
    [
        (MYSQL, {"pos": 999}, {"pos": 1_000}),
        (MYSQL, {"row": 9}, {"row": 10}),
        (MYSQL, {"file": "mysql-bin.999999", "pos": 9}, {"file": "mysql-bin.1000000", "pos": 4}),
        (POSTGRESQL, {"lsn": 9}, {"lsn": 10}),
        (SQLSERVER, {"commit_lsn": "0000002b:000002e3:0009"},
         {"commit_lsn": "0000002b:000002e3:000A"}),
        (SQLSERVER, {"change_lsn": "NULL"}, {}),
        (MONGODB, {"ord": 9}, {"ord": 10}),
        (MONGODB, {"ord": 31}, {"ts_ms": 1_772_445_601_000, "ord": 1}),
        (ORACLE, {"scn": "999999"}, {"scn": "1000000"}),
        (ORACLE, {"ssn": 2}, {"ssn": 10}),
    ],
)  # fmt: skip
def test_positions_sort_as_the_log_does(
    source: dict[str, Any], earlier: dict[str, Any], later: dict[str, Any]
) -> None:
    assert position(source, **earlier) < position(source, **later)


def test_the_order_within_a_transaction_tells_changes_of_one_position_apart() -> None:
    changes = [
        record(envelope(ORACLE, transaction={"id": "6.28.807", "total_order": order}))
        for order in (9, 10)
    ]
    one, two = events("change_data", *changes)
    assert str(one["source_position"]) < str(two["source_position"])
    assert one["event_id"] != two["event_id"]
    assert one["transaction_id"] == "6.28.807"


@pytest.mark.parametrize(
    ("source", "transaction"),
    [(POSTGRESQL, "555"), (ORACLE, "6.28.807"), (SQLSERVER, "0000002B:000002E3:0003"),
     ({**MYSQL, "gtid": "uuid:9"}, "uuid:9"), (MONGODB, None)],
)  # fmt: skip
def test_the_transaction_is_the_one_that_the_connector_names(
    source: dict[str, Any], transaction: str | None
) -> None:
    (event,) = events("change_data", record(envelope(source)))
    assert event.get("transaction_id") == transaction


def test_documents_of_mongodb_are_read_out_of_their_text() -> None:
    key = {"id": '{"$oid": "65a1"}'}
    value = envelope(MONGODB, before=None, after='{"_id": {"$oid": "65a1"}, "status": "paid"}')
    (event,) = events("change_data", record(value, key))
    assert event["row_after"] == '{"_id":{"$oid":"65a1"},"status":"paid"}'
    assert event["row_key"] == '{"id":"{\\"$oid\\": \\"65a1\\"}"}'
    assert event["table_name"] == "orders"


def test_two_updates_of_a_document_in_one_transaction_are_two_events() -> None:
    first, second, again = (
        envelope(MONGODB, after=None, updateDescription={"updatedFields": fields})
        for fields in ('{"status":"paid"}', '{"status":"sent"}', '{"status":"sent"}')
    )
    found = events("change_data", *(record(change) for change in (first, second, again)))
    ids = [event["event_id"] for event in found]
    assert ids[0] != ids[1] == ids[2]


def test_two_changes_of_one_scn_of_oracle_are_two_events() -> None:
    changes = [envelope({**ORACLE, "rs_id": f"0x000031.00000ff{at}.0010"}) for at in (2, 3, 3)]
    found = events("change_data", *(record(change) for change in changes))
    ids = [event["event_id"] for event in found]
    assert ids[0] != ids[1] == ids[2]


def test_a_partial_update_of_mongodb_needs_no_document() -> None:
    (event,) = events("change_data", record(envelope(MONGODB, before=None, after=None)))
    assert event["change_type"] == "standard_update"
    assert not {"row_before", "row_after"} & event.keys()


def test_an_incremental_snapshot_without_a_time_has_that_of_its_reading() -> None:
    (event,) = events("change_data", record(envelope({**MYSQL, "ts_ms": 0}, op="r")))
    assert event["event_time"] == "2026-03-02T10:00:00.987Z"


@pytest.mark.parametrize(
    ("line", "rule"),
    [
        (json.dumps(envelope()), "row_key: must come with the line or be named by --key-fields"),
        (record({**envelope(), "op": "x"}), "op: must be one of c, r, u, d, t, m"),
        (record({**envelope(), "op": ["c"]}), "op: must be one of c, r, u, d, t, m"),
        (record({"id": 7}), "op: must be one of c, r, u, d, t, m"),
        (record({**envelope(), "source": None}), "source: must be an object"),
        (record({**envelope(), "after": None}), "after: must be an object unless a row is deleted"),
        (record({**envelope(), "before": 3}), "before: must be an object or null"),
        (record(3), "value: must be an object or null"),
        (record("{"), "value: must be JSON"),
        (record(envelope(), key=3), "key: must be an object or null"),
        (record(envelope({**MYSQL, "ts_ms": None})),
         "event_time: must be milliseconds from 1970 to 2199"),
        (record(envelope({**MYSQL, "ts_ms": "x"})),
         "event_time: must be milliseconds from 1970 to 2199"),
        (record(envelope({**MYSQL, "table": None})),
         "source.table: must be a text that is not empty"),
        (record(envelope({**MYSQL, "pos": -1})), "source.pos: must be a number, 0 or more"),
        (record(envelope({**MYSQL, "pos": True})), "source.pos: must be a number, 0 or more"),
        (record(envelope({**MYSQL, "file": None})),
         "source.file: must be the name of a binlog file"),
        (record(envelope({**SQLSERVER, "commit_lsn": "x"})),
         "source.commit_lsn: must be like 0000002b:000002e3:0003"),
        (record(envelope({**MYSQL, "connector": "s3cr3t"})),
         "source.connector: must be one of mysql, mariadb, postgresql, sqlserver, db2, mongodb, "
         "oracle"),
        (record(envelope({**POSTGRESQL, "db": 3})), "database_name: must be of type string"),
    ],
)  # fmt: skip
def test_what_is_none_of_debeziums_is_rejected(line: str, rule: str) -> None:
    assert reason("change_data", line) == rule
