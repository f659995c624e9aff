"""Kinesis -> Lambda mappings with AWS's options for errors, through splits and merges.

MiniStack retries a failed batch for ever, knows neither bisection nor partial responses nor a
destination for failures, and begins with a new shard at its end. Here the one place where it polls
streams for functions is replaced.
"""

from __future__ import annotations

import base64
import logging
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from ministack.core.arn import ArnParseError, parse_arn
from ministack.services import kinesis, lambda_svc

from tidelake.local.extension.kinesis.shards import is_open, parents_of
from tidelake.local.extension.replacing import replace_function, require_functions
from tidelake.local.extension.stream_mappings.batches import (
    Batch,
    Discarded,
    MappingOptions,
    Record,
    ShardWork,
)
from tidelake.local.extension.stream_mappings.destination import send_to_destination
from tidelake.local.settings import LocalSettings

_log = logging.getLogger("tidelake.stream_mappings")


def install(_settings: LocalSettings) -> None:
    """Replace the polling of streams, and the note of where a new mapping begins."""
    require_functions(lambda_svc, "_iter_all_esms", "_get_func_record_for_qualifier")
    require_functions(lambda_svc, "_execute_function", "_apply_filter_criteria")
    mappings = StreamMappings()
    replace_function(lambda_svc, "_poll_kinesis", mappings.poll)

    def init_stream_position(esm_id: str, source_arn: str, starting: str) -> None:
        original(esm_id, source_arn, starting)
        mappings.begin(esm_id, source_arn, starting)

    original = replace_function(lambda_svc, "_init_stream_position", init_stream_position)


class StreamMappings:
    """The work of all mappings, by mapping and shard."""

    def __init__(self) -> None:
        self._work: dict[str, dict[str, ShardWork]] = {}

    def begin(self, mapping_id: str, source_arn: str, starting: str) -> None:
        """Note where a mapping begins, when it is made: at what every shard holds, or after it."""
        stream = _stream(source_arn)
        if stream is not None:
            latest = starting != "TRIM_HORIZON"
            self._work[mapping_id] = {
                shard_id: ShardWork(_last_number(shard) if latest else "")
                for shard_id, shard in stream["shards"].items()
            }

    def poll(self) -> bool:
        """Hand at most one batch of every shard to each function; whether there was any."""
        was_busy = False
        living = set()
        for account, region, mapping in lambda_svc._iter_all_esms():
            living.add(mapping["UUID"])
            with _scope(account, region):
                stream = _stream(mapping.get("EventSourceArn", ""))
                if stream is not None and str(mapping.get("Enabled", True)).lower() == "true":
                    was_busy = self._poll_mapping(mapping, stream) or was_busy
        for mapping_id in self._work.keys() - living:
            del self._work[mapping_id]
        return was_busy

    def _poll_mapping(self, mapping: dict[str, Any], stream: dict[str, Any]) -> bool:
        function, _ = lambda_svc._get_func_record_for_qualifier(
            mapping["FunctionName"], mapping.get("Qualifier")
        )
        if function is None:
            return False
        work = self._work.setdefault(mapping["UUID"], {})
        options = MappingOptions.of(mapping)
        was_busy = False
        for shard_id, shard in list(stream["shards"].items()):
            if self._may_be_read(stream, shard, work):
                # A shard that appeared since is a child, and is read from its start.
                own = work.setdefault(shard_id, ShardWork())
                batch = own.next_batch(shard["records"], options, time.time())
                if batch is not None:
                    was_busy = True
                    _run(mapping, function, shard_id, own, batch, options)
        return was_busy

    def _may_be_read(
        self, stream: dict[str, Any], shard: dict[str, Any], work: Mapping[str, ShardWork]
    ) -> bool:
        """Whether everything of the shard's parents was settled, so that keys keep their order."""
        shards = stream["shards"]
        return all(
            not is_open(shards[parent])
            and parent in work
            and work[parent].is_drained(shards[parent]["records"])
            for parent in parents_of(shard)
            if parent in shards
        )


def _run(
    mapping: dict[str, Any],
    function: dict[str, Any],
    shard_id: str,
    work: ShardWork,
    batch: Batch,
    options: MappingOptions,
) -> None:
    """Hand the batch over, and settle it by what the function answers."""
    expired = work.expire(options, time.time())
    if expired is not None:
        _discard(mapping, function, shard_id, expired)
        return
    records = [_event_record(mapping, shard_id, record) for record in batch.records]
    wanted = lambda_svc._apply_filter_criteria(records, mapping)
    if not wanted:
        work.succeed()
        return
    batch.invocations += 1
    result = lambda_svc._execute_function(function, {"Records": wanted})
    if result.get("log"):
        _log.info("%s said:\n%s", mapping["FunctionName"], result["log"])
    first_failed = _first_failed(result, batch) if options.partial_responses else None
    if not result.get("error") and first_failed is None:
        mapping["LastProcessingResult"] = "OK"
        work.succeed()
        return
    mapping["LastProcessingResult"] = "PROBLEM: Function call failed"
    discarded = work.fail(options, time.time(), first_failed=first_failed)
    if discarded is not None:
        _discard(mapping, function, shard_id, discarded)


def _first_failed(result: dict[str, Any], batch: Batch) -> str | None:
    """The first record that the function reports as failed; the batch's first for a report that
    makes no sense, which counts as the failure of all."""
    body = result.get("body")
    if result.get("error") or not isinstance(body, dict) or not body.get("batchItemFailures"):
        return None
    numbers = [record["SequenceNumber"] for record in batch.records]
    failures = body["batchItemFailures"]
    reported = [str(f.get("itemIdentifier")) if isinstance(f, dict) else "" for f in failures]
    if any(number not in numbers for number in reported):
        return str(numbers[0])
    return str(min(reported, key=numbers.index))


def _discard(
    mapping: dict[str, Any], function: dict[str, Any], shard_id: str, discarded: Discarded
) -> None:
    _log.warning(
        "%s: %d records of %s discarded: %s",
        mapping["FunctionName"],
        len(discarded.batch.records),
        shard_id,
        discarded.condition,
    )
    send_to_destination(mapping, function, shard_id, discarded)


def _event_record(mapping: dict[str, Any], shard_id: str, record: Record) -> dict[str, Any]:
    """A record as functions get it; see "Example Kinesis event" in the developer guide."""
    arn = mapping["EventSourceArn"]
    data = base64.b64encode(base64.b64decode(kinesis._ensure_base64(record["Data"]))).decode()
    return {
        "kinesis": {
            "kinesisSchemaVersion": "1.0",
            "partitionKey": record["PartitionKey"],
            "sequenceNumber": record["SequenceNumber"],
            "data": data,
            "approximateArrivalTimestamp": record["ApproximateArrivalTimestamp"],
        },
        "eventSource": "aws:kinesis",
        "eventVersion": "1.0",
        "eventID": f"{shard_id}:{record['SequenceNumber']}",
        "eventName": "aws:kinesis:record",
        "invokeIdentityArn": f"arn:aws:iam::{arn.split(':')[4]}:role/lambda-role",
        "awsRegion": arn.split(":")[3],
        "eventSourceARN": arn,
    }


def _stream(arn: str) -> dict[str, Any] | None:
    """The data stream of that ARN; None for another kind of source, or where it is gone."""
    try:
        spec = parse_arn(arn)
    except ArnParseError:
        return None
    if spec.service != "kinesis":
        return None
    found: dict[str, Any] | None = kinesis._streams.get_scoped(
        spec.account_id, spec.region, spec.resource.removeprefix("stream/")
    )
    return found


def _last_number(shard: dict[str, Any]) -> str:
    records = shard["records"]
    return str(records[-1]["SequenceNumber"]) if records else ""


@contextmanager
def _scope(account: str, region: str) -> Iterator[None]:
    """MiniStack's state is that of an account and a region, by context variables."""
    account_token = lambda_svc._request_account_id.set(account)
    region_token = lambda_svc._request_region.set(region)
    try:
        yield
    finally:
        lambda_svc._request_account_id.reset(account_token)
        lambda_svc._request_region.reset(region_token)
