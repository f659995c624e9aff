from __future__ import annotations

import pytest

from tidelake.contract.schema import (
    COMMON_FIELDS,
    SOURCES,
    WEB_LOG,
    Source,
    event_fields,
    json_schema,
    raw_fields,
    spark_ddl,
)

# Readers of objects already written rely on these: a column may be added, none may change or go.
RAW_COLUMNS = {
    "event_id": "string",
    "event_time": "timestamp",
    "ingest_time": "timestamp",
    "source": "string",
    "event_type": "string",
    "schema_version": "int",
    "virtual_host": "string",
    "client_address": "string",
    "remote_user": "string",
    "method": "string",
    "target": "string",
    "protocol": "string",
    "status": "int",
    "response_bytes": "bigint",
    "referrer": "string",
    "user_agent": "string",
}


def test_no_column_that_was_ever_written_changes_or_goes() -> None:
    columns = {field.name: field.type.value for field in raw_fields()}
    assert RAW_COLUMNS.items() <= columns.items()


def test_sources_that_share_a_column_agree_on_its_type() -> None:
    types: dict[str, set[str]] = {}
    for source in SOURCES.values():
        for field in event_fields(source):
            types.setdefault(field.name, set()).add(field.type.value)
    assert {name: found for name, found in types.items() if len(found) > 1} == {}


@pytest.mark.parametrize("source", SOURCES.values(), ids=lambda source: source.name)
def test_a_source_has_no_field_twice_and_every_field_a_description(source: Source) -> None:
    names = [field.name for field in event_fields(source)]
    assert len(names) == len(set(names))
    assert all(field.description.endswith(".") for field in event_fields(source))


@pytest.mark.parametrize("name", SOURCES)
def test_sources_are_found_by_the_name_on_the_wire(name: str) -> None:
    assert SOURCES[name].name == name


def test_every_event_has_the_common_fields() -> None:
    assert event_fields(WEB_LOG)[: len(COMMON_FIELDS)] == COMMON_FIELDS
    assert all(field.required for field in COMMON_FIELDS)


def test_the_json_schema_of_a_source_names_rules_and_refuses_the_rest() -> None:
    schema = json_schema(WEB_LOG)
    properties = schema["properties"]
    assert isinstance(properties, dict)
    assert properties["status"] == {"type": "integer", "minimum": 100, "maximum": 599}
    assert properties["source"] == {"const": "web_log"}
    assert properties["client_address"] == {"type": "string", "maxLength": 255}
    assert properties["event_time"] == {
        "type": "string",
        "pattern": r"^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d{1,6})?Z$",
    }
    assert schema["additionalProperties"] is False
    assert schema["required"] == [
        "event_id",
        "event_time",
        "ingest_time",
        "source",
        "event_type",
        "schema_version",
        "client_address",
        "status",
        "response_bytes",
    ]


def test_the_fields_are_a_spark_schema() -> None:
    assert spark_ddl(COMMON_FIELDS) == (
        "event_id string, event_time timestamp, ingest_time timestamp, source string, "
        "event_type string, schema_version int"
    )
