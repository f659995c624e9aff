"""Change events of Debezium, with and without their schema, as connectors write them.

    {"before": {...}, "after": {...}, "source": {...}, "op": "u", "ts_ms": ...}
    {"schema": {...}, "payload": {"before": ..., "after": ..., "source": ..., "op": "u"}}
    {"key": {...}, "value": {...}}      each in either form, or as text; `kcat -J`'s names, too

Sources of the formats: Debezium's documentation of each connector ("Data change events") and the
classes `SourceInfo` and `...SourceInfoStructMaker` of its connectors.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from tidelake.contract.errors import InvalidEventError
from tidelake.contract.events import Event, own_event_id
from tidelake.contract.schema import CHANGE_DATA
from tidelake.sources.json_lines import JsonObject, dump, load_object
from tidelake.sources.lines import SkipReason
from tidelake.sources.options import SourceOptions
from tidelake.sources.row_changes import as_count, as_object, as_text, row_fields
from tidelake.sources.timestamps import utc_from_milliseconds

_OPERATIONS = {"c": "INSERT", "r": "INSERT", "u": "UPDATE", "d": "DELETE"}
_SKIPPED = {"t": "truncate", "m": "message"}

_BINLOG = re.compile(r"(.*?)([0-9]{1,18})?\Z", re.DOTALL)
_HEXADECIMAL_LSN = re.compile(r"[0-9a-fA-F]{8}:[0-9a-fA-F]{8}:[0-9a-fA-F]{4}\Z")
_NO_LSN = "00000000:00000000:0000"


def is_debezium(line: JsonObject) -> bool:
    """Whether a line is one of Debezium's, of whatever kind, or a Kafka record of one."""
    return "payload" in line or "value" in line or "op" in line or _control_record(line) is not None


def parse_debezium(line: JsonObject, options: SourceOptions) -> Event | SkipReason:
    """The event of a changed row, or what kind of record it is that holds none.

    `event_id` is a digest of connector, table, source position, operation, key and event time, and
    of what else tells changes of one position apart; a redelivered event has the same. `event_time`
    is the database's time of the change. Raises InvalidEventError, which names the field and the
    rule, for a record that is none of Debezium's.
    """
    key, value = _key_and_value(line)
    if value is None:
        return "tombstone"
    control = _control_record(value)
    if control is not None:
        return control
    operation = value.get("op")
    if isinstance(operation, str) and operation in _SKIPPED:
        return _SKIPPED[operation]
    if not isinstance(operation, str) or operation not in _OPERATIONS:
        raise InvalidEventError(f"op: must be one of {', '.join((*_OPERATIONS, *_SKIPPED))}")
    return _change(value, operation, key, options)


def _change(value: JsonObject, op: str, key: JsonObject | None, options: SourceOptions) -> Event:
    source = as_object(value.get("source"), "source")
    if source is None:
        raise InvalidEventError("source: must be an object")
    connector = as_text(source.get("connector"), "source.connector")
    table = source.get("collection") if connector == "mongodb" else source.get("table")
    before, after = _row(value, "before"), _row(value, "after")
    if op != "d" and after is None and connector != "mongodb":
        raise InvalidEventError("after: must be an object unless a row is deleted")
    event = row_fields(
        options,
        table=as_text(table, "source.table"),
        operation=_OPERATIONS[op],
        before=before,
        after=after,
        key=key,
    )
    is_snapshot = op == "r" or source.get("snapshot") not in (None, False, "false")
    event["event_time"] = _event_time(value, source, is_snapshot=is_snapshot)
    event["connector"] = connector
    event["is_snapshot"] = is_snapshot
    event["source_position"] = _position(connector, source, value)
    _add_names(event, source, value)
    event["event_id"] = own_event_id(
        CHANGE_DATA.name,
        connector,
        *(str(source.get(name)) for name in ("name", "db", "schema")),
        *(
            str(event[name])
            for name in ("table_name", "source_position", "operation", "row_key", "event_time")
        ),
        *_within_position(source, value),
    )
    return event


def _within_position(source: JsonObject, value: JsonObject) -> Iterator[str]:
    """What tells apart the changes of one row that share a position, none where they never do.

    The updates of one document in one transaction of MongoDB have one time in the log (its manual,
    "Change Events", clusterTime); those of Oracle may have one SCN, and are told apart by the place
    of their redo record (Oracle Database Reference, V$LOGMNR_CONTENTS, RS_ID).
    """
    updated = as_object(value.get("updateDescription"), "updateDescription")
    if updated is not None:
        yield dump(updated)
    if source.get("rs_id") is not None:
        yield str(source["rs_id"])


def _key_and_value(line: JsonObject) -> tuple[JsonObject | None, JsonObject | None]:
    """A Kafka record's two halves, without their schemas; a bare envelope has no key."""
    if "op" in line or not ("value" in line or ("payload" in line and "key" in line)):
        return None, _without_schema(line, "payload")
    value = line["value"] if "value" in line else line["payload"]
    return (
        _without_schema(_decoded(line.get("key"), "key"), "key"),
        _without_schema(_decoded(value, "value"), "value"),
    )


def _decoded(half: object, field: str) -> JsonObject | None:
    if isinstance(half, str):
        return load_object(half, field) if half else None
    return as_object(half, field)


def _without_schema(half: JsonObject | None, field: str) -> JsonObject | None:
    if half is not None and "payload" in half and half.keys() <= {"schema", "payload"}:
        return as_object(half["payload"], field)
    return half


def _control_record(value: JsonObject) -> SkipReason | None:
    """The records by which a connector tells of itself, told apart by their fields."""
    if "op" in value:
        return None
    if value.get("status") in ("BEGIN", "END") and "id" in value:
        return "transaction_marker"
    if "ddl" in value or "tableChanges" in value:
        return "schema_change"
    if value and value.keys() <= {"ts_ms", "ts_us", "ts_ns"}:
        return "heartbeat"
    return None


def _row(value: JsonObject, field: str) -> JsonObject | None:
    """A row; MongoDB's connector writes its documents as text."""
    row = value.get(field)
    return load_object(row, field) if isinstance(row, str) else as_object(row, field)


def _event_time(value: JsonObject, source: JsonObject, *, is_snapshot: bool) -> str:
    milliseconds = source.get("ts_ms")
    if is_snapshot and milliseconds in (None, 0):
        # An incremental snapshot reads outside the log, and knows no time of the database.
        milliseconds = value.get("ts_ms")
    return utc_from_milliseconds(milliseconds)


def _add_names(event: Event, source: JsonObject, value: JsonObject) -> None:
    transaction = as_object(value.get("transaction"), "transaction")
    names = {
        "database_name": source.get("db"),
        "schema_name": source.get("schema"),
        "transaction_id": _transaction_id(source, transaction),
    }
    event.update({name: found for name, found in names.items() if found not in (None, "")})


def _transaction_id(source: JsonObject, transaction: JsonObject | None) -> object:
    if transaction is not None and transaction.get("id") is not None:
        return transaction["id"]
    for name in ("txId", "gtid", "commit_lsn"):
        if source.get(name) is not None:
            return str(source[name])
    return None


def _position(connector: str, source: JsonObject, value: JsonObject) -> str:
    """The place in the log as text that sorts as the log does: numbers get leading zeros.

    Changes of one row sort as they were committed. Where the connector counts the changes of a
    transaction, their count tells those of one position apart.
    """
    if connector in ("mysql", "mariadb"):
        parts = [_binlog(source), _digits(source, "pos", 20), _digits(source, "row", 10)]
    elif connector == "postgresql":
        parts = [_digits(source, "lsn", 20)]
    elif connector in ("sqlserver", "db2"):
        lsns = [_hexadecimal(source, "commit_lsn"), _hexadecimal(source, "change_lsn")]
        parts = [*lsns, _digits(source, "event_serial_no", 10)]
    elif connector == "mongodb":
        parts = [_digits(source, "ts_ms", 20), _digits(source, "ord", 10)]
    elif connector == "oracle":
        parts = [_digits(source, "scn", 20), _digits(source, "ssn", 10)]
    else:
        raise InvalidEventError(
            "source.connector: must be one of mysql, mariadb, postgresql, sqlserver, db2, "
            "mongodb, oracle"
        )
    transaction = value.get("transaction")
    if isinstance(transaction, dict) and transaction.get("total_order") is not None:
        parts.append(f"{as_count(transaction['total_order'], 'transaction.total_order'):010}")
    return ":".join(parts)


def _digits(source: JsonObject, name: str, width: int) -> str:
    return f"{as_count(source.get(name), f'source.{name}'):0{width}}"


def _binlog(source: JsonObject) -> str:
    """`mysql-bin.999999` is followed by `mysql-bin.1000000`; empty in an incremental snapshot."""
    file = source.get("file")
    if not isinstance(file, str) or len(file) > 150:
        raise InvalidEventError("source.file: must be the name of a binlog file")
    match = _BINLOG.match(file)
    assert match is not None  # noqa: S101 - narrows the type; the pattern takes every text
    base, number = match.groups()
    return base if number is None else f"{base}{int(number):010}"


def _hexadecimal(source: JsonObject, name: str) -> str:
    """A log sequence number of fixed width; a snapshot's changes have none, and sort first."""
    lsn = source.get(name)
    if lsn in (None, "NULL"):
        return _NO_LSN
    if not isinstance(lsn, str) or not _HEXADECIMAL_LSN.match(lsn):
        raise InvalidEventError(f"source.{name}: must be like 0000002b:000002e3:0003")
    return lsn.lower()
