"""Firehose that buffers, transforms and converts, in the place of MiniStack's object per record.

Replaced are the delivery of records to S3, which both PutRecord and a Kinesis source end in, the
deletion of a delivery stream, and the reset of the service. A record of a Kinesis source arrives
within the call that puts it on the stream: it is there once, neither lost nor doubled, whatever
becomes of its shard. Aggregated records of such a source are taken apart, as on AWS.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import Any

from ministack.services import firehose
from ministack.services.cloudformation import stacks

from tidelake.contract.deaggregation import deaggregate
from tidelake.local.endpoint import local_client
from tidelake.local.extension.firehose.buffering import BufferingHints, DeliveryBuffer, Record
from tidelake.local.extension.firehose.delivery import Destination, S3Delivery, bucket_of
from tidelake.local.extension.firehose.transformation import (
    MAXIMUM_CALL_SECONDS,
    LambdaTransformation,
    Processor,
    Transformed,
)
from tidelake.local.extension.replacing import (
    replace_entry,
    replace_function,
    require_functions,
)
from tidelake.local.settings import LocalSettings

FINAL_DELIVERY_SECONDS = 20.0
"""How long the deletion of a delivery stream waits for what its buffer still holds."""


def install(settings: LocalSettings) -> None:
    """Put buffered delivery in place; raises LocalAwsError where MiniStack does not fit."""
    require_functions(firehose, "_evaluate_prefix")
    delivery = S3Delivery(
        local_client("s3", settings.endpoint),
        local_client("glue", settings.endpoint),
        firehose._evaluate_prefix,
    )
    client = local_client("lambda", settings.endpoint, read_timeout_seconds=MAXIMUM_CALL_SECONDS)
    FirehoseExtension(delivery, LambdaTransformation(client)).install()


class FirehoseExtension:
    """The delivery buffers of all delivery streams, by ARN."""

    def __init__(self, delivery: S3Delivery, transformation: LambdaTransformation) -> None:
        self._delivery = delivery
        self._transformation = transformation
        self._lock = threading.Lock()
        self._buffers: dict[str, DeliveryBuffer] = {}

    def install(self) -> None:
        self._deliver_unbuffered = replace_function(
            firehose, "_deliver_records_to_s3", self._buffer_records
        )
        self._delete = replace_function(
            firehose, "_delete_delivery_stream", self._delete_delivery_stream
        )
        replace_entry(
            firehose._HANDLERS,
            "DeleteDeliveryStream",
            self._delete_delivery_stream,
            "firehose._HANDLERS",
        )
        self._ingest = replace_function(
            firehose, "ingest_from_kinesis_source", self._ingest_from_kinesis_source
        )
        self._reset = replace_function(firehose, "reset", self._reset_service)
        self._blocks = replace_function(
            stacks, "_runs_on_worker_thread", self._runs_on_worker_thread
        )

    def _ingest_from_kinesis_source(
        self, stream_arn: str, records: list[tuple[str, bytes]]
    ) -> None:
        singles = []
        for key, data in records:
            packed = deaggregate(data)
            if packed is None:
                singles.append((key, data))
            else:
                singles += [(own_key, own_data) for own_data, own_key in packed]
        self._ingest(stream_arn, singles)

    def _buffer_records(
        self,
        stream: dict[str, Any],
        dest: dict[str, Any],
        records: list[tuple[str, bytes]],
    ) -> None:
        """Called for every record, in the request that puts it."""
        # MiniStack remembers every record here and never forgets one.
        dest["records"].clear()
        if _needs_more_than_buffering(dest["config"]):
            self._deliver_unbuffered(stream, dest, records)
            return
        buffer = self._buffer_of(stream)
        for record_id, data in records:
            buffer.add(record_id, data)

    def _buffer_of(self, stream: dict[str, Any]) -> DeliveryBuffer:
        with self._lock:
            if stream["arn"] not in self._buffers:
                self._buffers[stream["arn"]] = DeliveryBuffer(
                    stream["name"],
                    hints=lambda: _hints(stream["destinations"][0]["config"]),
                    deliver=lambda records, last: self._deliver(stream, records, last),
                )
            return self._buffers[stream["arn"]]

    def _deliver(
        self, stream: dict[str, Any], records: Sequence[Record], last: Callable[[], bool]
    ) -> None:
        processor = Processor.of(stream["destinations"][0]["config"])
        if processor is None:
            transformed = Transformed(list(records))
        else:
            transformed = self._transformation.apply(processor, _envelope(stream), records, last)
        self._delivery.deliver(lambda: _destination(stream), records, transformed, last)

    def _delete_delivery_stream(self, data: dict[str, Any]) -> Any:
        """Delete, after one attempt to deliver what is buffered; AWS promises not even that."""
        stream = firehose._streams.get(data.get("DeliveryStreamName", ""))
        reply = self._delete(data)
        if stream is not None:
            with self._lock:
                buffer = self._buffers.pop(stream["arn"], None)
            if buffer is not None:
                buffer.close(FINAL_DELIVERY_SECONDS)
        return reply

    def _runs_on_worker_thread(self, resource_type: str) -> bool:
        """CloudFormation's deletion waits for a delivery, which the event loop has to serve."""
        return resource_type == "AWS::KinesisFirehose::DeliveryStream" or bool(
            self._blocks(resource_type)
        )

    def _reset_service(self) -> None:
        with self._lock:
            for buffer in self._buffers.values():
                buffer.discard()
            self._buffers.clear()
        self._reset()


def _needs_more_than_buffering(config: dict[str, Any]) -> bool:
    """Whether MiniStack's own delivery, record by record, is what this destination gets."""
    partitioning = config.get("DynamicPartitioningConfiguration", {})
    compression = config.get("CompressionFormat", "UNCOMPRESSED")
    return str(partitioning.get("Enabled")).lower() == "true" or compression not in (
        "UNCOMPRESSED",
        "GZIP",
    )


def _hints(config: dict[str, Any]) -> BufferingHints:
    """The destination's hints, or AWS's defaults: 5 MiB, 128 with conversion, and 300 seconds."""
    hints = config.get("BufferingHints", {})
    default_mib = 128 if config.get("DataFormatConversionConfiguration") else 5
    return BufferingHints(
        int(hints.get("SizeInMBs", default_mib)), int(hints.get("IntervalInSeconds", 300))
    )


def _destination(stream: dict[str, Any]) -> Destination:
    config = stream["destinations"][0]["config"]
    return Destination(
        stream_name=stream["name"],
        stream_version=stream["version"],
        bucket=bucket_of(config),
        config=config,
    )


def _envelope(stream: dict[str, Any]) -> dict[str, str]:
    """What a request to the function says of the delivery stream and of its source."""
    envelope = {"deliveryStreamArn": stream["arn"]}
    source = stream.get("kinesis_source")
    if source:
        envelope["sourceKinesisStreamArn"] = source["KinesisStreamARN"]
    return envelope
