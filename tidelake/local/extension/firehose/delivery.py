"""From a batch of records to the objects that Firehose writes, and those into S3.

What is written, and where, follows the Amazon Data Firehose developer guide: "Convert input data
format", "Handling errors for data format conversion", "Handle failure in data transformation",
"Custom prefixes" and "Amazon S3 object name format".
"""

from __future__ import annotations

import base64
import gzip
import json
import logging
import time
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Protocol
from zoneinfo import ZoneInfo

import pyarrow
import pyarrow.parquet
from botocore.exceptions import BotoCoreError, ClientError

from tidelake.local.extension.firehose.buffering import Record
from tidelake.local.extension.firehose.conversion import convert
from tidelake.local.extension.firehose.documents import NO_TABLE, ConversionError, RowFormat
from tidelake.local.extension.firehose.transformation import ProcessingFailure, Transformed
from tidelake.local.settings import ACCOUNT, REGION

_log = logging.getLogger("tidelake.firehose")

CONVERSION_FAILED = "format-conversion-failed"
PROCESSING_FAILED = "processing-failed"


class EvaluatePrefix(Protocol):
    """MiniStack's evaluation of `!{timestamp:…}` and `!{firehose:…}` expressions."""

    def __call__(
        self, template: str, t: time.struct_time, *, error_type: str | None = None
    ) -> str: ...


@dataclass(frozen=True, kw_only=True)
class Destination:
    """A delivery stream's S3 destination as it is at the time of a delivery.

    `config` is the ExtendedS3DestinationConfiguration of the API.
    """

    stream_name: str
    stream_version: int
    bucket: str
    config: dict[str, Any]


@dataclass(frozen=True)
class S3Object:
    """An object to write; writing it twice changes nothing."""

    bucket: str
    key: str
    body: bytes


class S3Delivery:
    """Delivers batches of records to S3, with conversion to Parquet where it is configured."""

    def __init__(self, s3: Any, glue: Any, evaluate_prefix: EvaluatePrefix) -> None:
        self._s3 = s3
        self._glue = glue
        self._evaluate_prefix = evaluate_prefix

    def deliver(
        self,
        destination: Callable[[], Destination],
        records: Sequence[Record],
        transformed: Transformed,
        is_last_attempt: Callable[[], bool],
    ) -> None:
        """Write the objects of one batch, trying again until it works.

        `records` are those that came, `transformed` what became of them.

        The objects are made once, so that an attempt that failed halfway is continued and not
        repeated. When `is_last_attempt` (the stream was deleted) a failure is final.
        """
        objects: list[S3Object] = []

        def prepare() -> None:
            objects[:] = self.objects(destination(), records, transformed)

        def put_next() -> None:
            item = objects[0]
            self._s3.put_object(Bucket=item.bucket, Key=item.key, Body=item.body)
            del objects[0]

        prepared = _until_done(prepare, is_last_attempt)
        while prepared and objects and _until_done(put_next, is_last_attempt):
            pass

    def objects(
        self, destination: Destination, records: Sequence[Record], transformed: Transformed
    ) -> list[S3Object]:
        """The objects of one batch: the data, what was set aside, and the records as they came."""
        objects = (
            self._data_objects(destination, transformed.records) if transformed.records else []
        )
        if transformed.failures:
            failures = transformed.failures
            lines = [processing_error_line(failure) for failure in failures]
            arrived = min(failure.record.arrived for failure in failures)
            objects.append(self._error_object(destination, PROCESSING_FAILED, arrived, lines))
        if destination.config.get("S3BackupMode") == "Enabled":
            objects.append(self._backup_object(destination, records))
        return objects

    def _data_objects(self, destination: Destination, records: Sequence[Record]) -> list[S3Object]:
        """The data, and the records that could not be converted."""
        conversion = destination.config.get("DataFormatConversionConfiguration", {})
        arrived = min(record.arrived for record in records)
        if not conversion or not _is_true(conversion.get("Enabled", True)):
            body = b"".join(record.data for record in records)
            return [self._data_object(destination, arrived, *_compressed(body, destination.config))]
        data = [record.data for record in records]
        try:
            converted = convert(data, self._row_format(conversion))
            rows, failures = converted.rows, converted.failures
        except ConversionError as error:
            rows, failures = None, tuple((index, error) for index in range(len(records)))
        objects = []
        if rows is not None and rows.num_rows:
            objects.append(
                self._data_object(destination, arrived, parquet(rows, conversion), ".parquet")
            )
        if failures:
            lines = [
                error_line(records[index], error, destination.config) for index, error in failures
            ]
            arrived = min(records[index].arrived for index, _ in failures)
            objects.append(self._error_object(destination, CONVERSION_FAILED, arrived, lines))
        return objects

    def _backup_object(self, destination: Destination, records: Sequence[Record]) -> S3Object:
        """The records as they came, joined, where the backup is to lie."""
        backup = destination.config["S3BackupConfiguration"]
        body, extension = _compressed(b"".join(record.data for record in records), backup)
        moment = _local_time(min(record.arrived for record in records), backup)
        prefix = self._evaluate_prefix(backup.get("Prefix", ""), moment)
        name = _object_name(destination, moment)
        return S3Object(bucket_of(backup), f"{prefix}{name}{extension}", body)

    def _row_format(self, conversion: dict[str, Any]) -> RowFormat:
        schema = conversion["SchemaConfiguration"]
        try:
            table = self._glue.get_table(
                DatabaseName=schema["DatabaseName"], Name=schema["TableName"]
            )["Table"]
        except self._glue.exceptions.EntityNotFoundException:
            raise ConversionError(
                NO_TABLE, "The specified table/database could not be found."
            ) from None
        deserializer = conversion["InputFormatConfiguration"]["Deserializer"]
        options = deserializer.get("OpenXJsonSerDe", {})
        return RowFormat(
            columns=tuple(
                (column["Name"], column["Type"]) for column in table["StorageDescriptor"]["Columns"]
            ),
            case_insensitive=_is_true(options.get("CaseInsensitive", True)),
            dots_to_underscores=_is_true(options.get("ConvertDotsInJsonKeysToUnderscores", False)),
            key_mappings=tuple(options.get("ColumnToJsonKeyMappings", {}).items()),
        )

    def _data_object(
        self, destination: Destination, arrived: float, body: bytes, extension: str
    ) -> S3Object:
        config = destination.config
        moment = _local_time(arrived, config)
        prefix = self._evaluate_prefix(config.get("Prefix", ""), moment)
        suffix = config.get("FileExtension", extension)
        return S3Object(
            destination.bucket, prefix + _object_name(destination, moment) + suffix, body
        )

    def _error_object(
        self, destination: Destination, error_type: str, arrived: float, lines: Sequence[str]
    ) -> S3Object:
        config = destination.config
        moment = _local_time(arrived, config)
        template = config.get("ErrorOutputPrefix", "")
        if not template:
            template = config.get("Prefix", "") + "!{firehose:error-output-type}/"
        prefix = self._evaluate_prefix(template, moment, error_type=error_type)
        return S3Object(
            destination.bucket,
            prefix + _object_name(destination, moment),
            "".join(lines).encode(),
        )


def parquet(rows: pyarrow.Table, conversion: dict[str, Any]) -> bytes:
    """A Parquet object as Firehose's serializer writes it: timestamps INT96, Snappy by default."""
    serializer = conversion["OutputFormatConfiguration"]["Serializer"]
    compression = serializer.get("ParquetSerDe", {}).get("Compression", "SNAPPY")
    sink = pyarrow.BufferOutputStream()
    pyarrow.parquet.write_table(
        rows,
        sink,
        compression={"UNCOMPRESSED": "none"}.get(compression, compression.lower()),
        use_deprecated_int96_timestamps=True,
        store_schema=False,
    )
    body: bytes = sink.getvalue().to_pybytes()
    return body


def error_line(record: Record, error: ConversionError, config: dict[str, Any]) -> str:
    """The line of the error object about one record; times in milliseconds since the epoch.

    The keys are those of objects that AWS wrote; its guide has at times called two of them
    `ErrorCode` and `ErrorMessage`.
    """
    schema = config["DataFormatConversionConfiguration"]["SchemaConfiguration"]
    document = {
        "attemptsMade": 1,
        "arrivalTimestamp": int(record.arrived * 1000),
        "lastErrorCode": error.code,
        "lastErrorMessage": error.message,
        "attemptEndingTimestamp": int(time.time() * 1000),
        "rawData": base64.b64encode(record.data).decode(),
        "dataCatalogTable": {
            "catalogId": schema.get("CatalogId", ACCOUNT),
            "databaseName": schema["DatabaseName"],
            "tableName": schema["TableName"],
            "region": schema.get("Region", REGION),
            "versionId": schema.get("VersionId", "LATEST"),
        },
    }
    return json.dumps(document) + "\n"


def processing_error_line(failure: ProcessingFailure) -> str:
    """The line of the error object about one record that was not transformed."""
    document = {
        "attemptsMade": failure.attempts,
        "arrivalTimestamp": int(failure.record.arrived * 1000),
        "errorCode": failure.error.code,
        "errorMessage": failure.error.message,
        "attemptEndingTimestamp": int(time.time() * 1000),
        "rawData": base64.b64encode(failure.record.data).decode(),
        "lambdaArn": failure.function_arn,
    }
    return json.dumps(document) + "\n"


def bucket_of(config: dict[str, Any]) -> str:
    """The name of the bucket that a configuration names by ARN."""
    return str(config["BucketARN"]).rsplit(":", 1)[-1]


def _object_name(destination: Destination, moment: time.struct_time) -> str:
    stamp = time.strftime("%Y-%m-%d-%H-%M-%S", moment)
    return f"{destination.stream_name}-{destination.stream_version}-{stamp}-{uuid.uuid4()}"


def _local_time(seconds: float, config: dict[str, Any]) -> time.struct_time:
    zone = ZoneInfo(config.get("CustomTimeZone", "UTC"))
    return datetime.fromtimestamp(seconds, UTC).astimezone(zone).timetuple()


def _compressed(body: bytes, config: dict[str, Any]) -> tuple[bytes, str]:
    if config.get("CompressionFormat", "UNCOMPRESSED") == "GZIP":
        return gzip.compress(body), ".gz"
    return body, ""


def _is_true(value: object) -> bool:
    # CloudFormation hands booleans on as strings.
    return str(value).lower() == "true"


def _until_done(attempt: Callable[[], None], is_last_attempt: Callable[[], bool]) -> bool:
    """Attempt again and again, with growing pauses; False when the last attempt failed too."""
    pause_seconds = 0.5
    while True:
        final = is_last_attempt()
        try:
            attempt()
        except (BotoCoreError, ClientError) as error:
            _log.warning("delivery failed, %s: %s", "for good" if final else "trying again", error)
        else:
            return True
        if final:
            return False
        resume = time.monotonic() + pause_seconds
        while time.monotonic() < resume and not is_last_attempt():
            time.sleep(0.1)
        pause_seconds = min(2 * pause_seconds, 30)
