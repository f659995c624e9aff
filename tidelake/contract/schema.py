"""The one field table: what an event may carry, for every source.

From it come the JSON validation, the Glue columns, the Spark schema, the Arrow types and the
documentation. The raw table is wide: the common fields and every source's own, nullable ones.
Fields are only ever added; a changed or removed one breaks readers of old objects.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum

SCHEMA_VERSION = 1


class FieldType(Enum):
    """A field's type, by its Glue (Hive) name, which Spark's DDL shares."""

    STRING = "string"
    INT = "int"
    BIGINT = "bigint"
    DOUBLE = "double"
    BOOLEAN = "boolean"
    TIMESTAMP = "timestamp"


@dataclass(frozen=True, kw_only=True)
class Field:
    """One field of an event.

    `minimum` and `maximum` bound numbers, `max_length` bounds strings in characters,
    `values` lists the only strings allowed. Timestamps travel as `2015-05-17T10:05:03Z`, UTC.
    """

    name: str
    type: FieldType
    description: str
    required: bool = False
    minimum: int | None = None
    maximum: int | None = None
    max_length: int | None = None
    values: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Source:
    """A kind of input: its name on the wire, its curated table and its own fields.

    `event_types` are those that metrics name; what else an event claims to be counts as another.
    """

    name: str
    table: str
    event_types: tuple[str, ...]
    fields: tuple[Field, ...]


TIMESTAMP_PATTERN = r"^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d{1,6})?Z$"

COMMON_FIELDS = (
    Field(
        name="event_id",
        type=FieldType.STRING,
        required=True,
        max_length=64,
        description="Digest that names the event for ever; duplicates share it.",
    ),
    Field(
        name="event_time",
        type=FieldType.TIMESTAMP,
        required=True,
        description="When it happened, by the source's clock, UTC.",
    ),
    Field(
        name="ingest_time",
        type=FieldType.TIMESTAMP,
        required=True,
        description="When the producer read it, UTC.",
    ),
    Field(
        name="source",
        type=FieldType.STRING,
        required=True,
        max_length=64,
        description="The kind of input it came from.",
    ),
    Field(
        name="event_type",
        type=FieldType.STRING,
        required=True,
        max_length=64,
        description="What happened, within its source.",
    ),
    Field(
        name="schema_version",
        type=FieldType.INT,
        required=True,
        minimum=1,
        maximum=2**31 - 1,
        description="Version of the field table that it was written with.",
    ),
)

WEB_LOG = Source(
    name="web_log",
    table="web_access",
    event_types=("request",),
    fields=(
        Field(
            name="virtual_host",
            type=FieldType.STRING,
            max_length=300,
            description="Virtual host, with its port where the log has one.",
        ),
        Field(
            name="client_address",
            type=FieldType.STRING,
            required=True,
            max_length=255,
            description="Address or host name of the client.",
        ),
        Field(
            name="remote_user",
            type=FieldType.STRING,
            max_length=255,
            description="User name from HTTP authentication.",
        ),
        Field(
            name="method",
            type=FieldType.STRING,
            max_length=32,
            description="HTTP method.",
        ),
        Field(
            name="target",
            type=FieldType.STRING,
            max_length=65_536,
            description="Request target with its query string.",
        ),
        Field(
            name="protocol",
            type=FieldType.STRING,
            max_length=32,
            description="Protocol of the request line, such as HTTP/1.1.",
        ),
        Field(
            name="status",
            type=FieldType.INT,
            required=True,
            minimum=100,
            maximum=599,
            description="HTTP status code.",
        ),
        Field(
            name="response_bytes",
            type=FieldType.BIGINT,
            required=True,
            minimum=0,
            maximum=2**50,
            description="Size of the response body in bytes, at most 1 PiB, so that sums fit; "
            "0 where the log says '-'.",
        ),
        Field(
            name="referrer",
            type=FieldType.STRING,
            max_length=65_536,
            description="Referer header.",
        ),
        Field(
            name="user_agent",
            type=FieldType.STRING,
            max_length=65_536,
            description="User-Agent header.",
        ),
    ),
)

SENSOR = Source(
    name="sensor",
    table="sensor_readings",
    event_types=("reading",),
    fields=(
        Field(
            name="device_id",
            type=FieldType.STRING,
            required=True,
            max_length=255,
            description="Device that measured.",
        ),
        Field(
            name="sensor_type",
            type=FieldType.STRING,
            required=True,
            max_length=64,
            description="What is measured, such as temperature.",
        ),
        Field(
            name="value",
            type=FieldType.DOUBLE,
            required=True,
            description="The reading, in its unit.",
        ),
        Field(
            name="unit",
            type=FieldType.STRING,
            max_length=32,
            description="Unit of the reading, such as C or F.",
        ),
        Field(
            name="location",
            type=FieldType.STRING,
            max_length=255,
            description="Where the device stands.",
        ),
        Field(
            name="quality",
            type=FieldType.STRING,
            required=True,
            values=("good", "suspect"),
            description="Verdict of the quality checks of the device.",
        ),
        Field(
            name="quality_reason",
            type=FieldType.STRING,
            max_length=64,
            description="The check that a suspect reading failed.",
        ),
    ),
)

CHANGE_DATA = Source(
    name="change_data",
    table="row_changes",
    event_types=("insert", "update", "delete"),
    fields=(
        Field(
            name="connector",
            type=FieldType.STRING,
            max_length=64,
            description="Kind of database that the change was captured from.",
        ),
        Field(
            name="database_name",
            type=FieldType.STRING,
            max_length=255,
            description="Database of the row.",
        ),
        Field(
            name="schema_name",
            type=FieldType.STRING,
            max_length=255,
            description="Schema of the row's table, in databases that have them.",
        ),
        Field(
            name="table_name",
            type=FieldType.STRING,
            required=True,
            max_length=255,
            description="Table of the row.",
        ),
        Field(
            name="operation",
            type=FieldType.STRING,
            required=True,
            values=("INSERT", "UPDATE", "DELETE"),
            description="What was done to the row; a snapshot's rows are inserts.",
        ),
        Field(
            name="is_snapshot",
            type=FieldType.BOOLEAN,
            required=True,
            description="Whether the row was read by a snapshot, not captured from the log.",
        ),
        Field(
            name="change_type",
            type=FieldType.STRING,
            required=True,
            values=("new_record", "critical_update", "standard_update", "record_deletion"),
            description="Weight of the change; critical is an update of a field that matters.",
        ),
        Field(
            name="transaction_id",
            type=FieldType.STRING,
            max_length=255,
            description="Transaction that the change was part of.",
        ),
        Field(
            name="row_key",
            type=FieldType.STRING,
            required=True,
            max_length=4_096,
            description="Primary key of the row, as a JSON object with sorted names.",
        ),
        Field(
            name="source_position",
            type=FieldType.STRING,
            required=True,
            max_length=255,
            description="Place in the source's log, as text that sorts in the log's order.",
        ),
        Field(
            name="row_before",
            type=FieldType.STRING,
            max_length=524_288,
            description="The row before the change, as JSON.",
        ),
        Field(
            name="row_after",
            type=FieldType.STRING,
            max_length=524_288,
            description="The row after the change, as JSON.",
        ),
    ),
)

APP_EVENT = Source(
    name="app_event",
    table="app_events",
    event_types=("click", "view", "purchase"),
    fields=(
        Field(
            name="user_id",
            type=FieldType.STRING,
            required=True,
            max_length=255,
            description="Who acted, by the application's own id.",
        ),
        Field(
            name="session_id",
            type=FieldType.STRING,
            max_length=255,
            description="The application's own id of the visit.",
        ),
        Field(
            name="page",
            type=FieldType.STRING,
            max_length=65_536,
            description="Page or screen that was looked at or acted on.",
        ),
        Field(
            name="element",
            type=FieldType.STRING,
            max_length=255,
            description="Element that was clicked.",
        ),
        Field(
            name="product_id",
            type=FieldType.STRING,
            max_length=255,
            description="Product that was looked at or bought.",
        ),
        Field(
            name="quantity",
            type=FieldType.INT,
            minimum=1,
            maximum=1_000_000,
            description="How many of the product were bought.",
        ),
        Field(
            name="amount_minor",
            type=FieldType.BIGINT,
            minimum=0,
            maximum=2**50,
            description="Price of the purchase in the currency's minor unit, such as cents.",
        ),
        Field(
            name="currency",
            type=FieldType.STRING,
            max_length=3,
            description="Currency of the price (ISO 4217), such as EUR.",
        ),
        Field(
            name="properties",
            type=FieldType.STRING,
            max_length=65_536,
            description="What else the application says, as a JSON object.",
        ),
    ),
)

OTHER = "other"
"""What sources and types that are not declared here count as in metrics: a metric's dimensions are
kept and shown, and an event may claim to be anything, a secret included."""

SOURCES = {source.name: source for source in (WEB_LOG, SENSOR, CHANGE_DATA, APP_EVENT)}


def event_fields(source: Source) -> tuple[Field, ...]:
    """Every field that an event of `source` may carry, common ones first."""
    return COMMON_FIELDS + source.fields


def raw_fields() -> tuple[Field, ...]:
    """The columns of the raw table: the common fields, then each source's, one column a name."""
    columns = {field.name: field for field in COMMON_FIELDS}
    for source in SOURCES.values():
        for field in source.fields:
            columns.setdefault(field.name, field)
    return tuple(columns.values())


def json_schema(source: Source) -> dict[str, object]:
    """The JSON Schema (draft 2020-12) of one event of `source`; unknown fields are refused."""
    fields = event_fields(source)
    properties = {field.name: _json_property(field) for field in fields}
    properties["source"] = {"const": source.name}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "type": "object",
        "properties": properties,
        "required": [field.name for field in fields if field.required],
        "additionalProperties": False,
    }


def spark_ddl(fields: Iterable[Field]) -> str:
    """The fields as a Spark DDL schema, every column nullable, as Parquet files are read."""
    return ", ".join(f"{field.name} {field.type.value}" for field in fields)


_JSON_TYPES = {
    FieldType.STRING: "string",
    FieldType.INT: "integer",
    FieldType.BIGINT: "integer",
    FieldType.DOUBLE: "number",
    FieldType.BOOLEAN: "boolean",
    FieldType.TIMESTAMP: "string",
}


def _json_property(field: Field) -> dict[str, object]:
    rules: dict[str, object] = {"type": _JSON_TYPES[field.type]}
    if field.type is FieldType.TIMESTAMP:
        rules["pattern"] = TIMESTAMP_PATTERN
    if field.minimum is not None:
        rules["minimum"] = field.minimum
    if field.maximum is not None:
        rules["maximum"] = field.maximum
    if field.max_length is not None:
        rules["maxLength"] = field.max_length
    if field.values:
        rules["enum"] = list(field.values)
    return rules
