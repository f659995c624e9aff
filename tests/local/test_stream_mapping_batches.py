"""Batches, retries and bisection of a Kinesis mapping, with a function that fails on some data."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from tidelake.local.extension.stream_mappings.batches import (
    Discarded,
    MappingOptions,
    Record,
    ShardWork,
)


def record(number: int, *, key: str = "k", arrived: float = 0.0, data: str = "eA==") -> Record:
    return {
        "SequenceNumber": f"{number:05}",
        "PartitionKey": key,
        "Data": data,
        "ApproximateArrivalTimestamp": arrived,
    }


def numbers(records: Sequence[Record]) -> list[int]:
    return [int(record["SequenceNumber"]) for record in records]


class Function:
    """What a mapping calls: it fails on some records, and may say from which one on."""

    def __init__(self, *poison: int, reports: bool = False) -> None:
        self.poison = poison
        self.reports = reports
        self.done: list[int] = []
        self.calls: list[list[int]] = []
        self.discarded: list[Discarded] = []

    def run(self, work: ShardWork, records: Sequence[Record], **options: Any) -> None:
        """Everything that the shard holds, as time goes by."""
        chosen = MappingOptions(partial_responses=self.reports, **options)
        for now in range(1, 200):
            batch = work.next_batch(records, chosen, now)
            if batch is None:
                continue
            expired = work.expire(chosen, now)
            if expired is not None:
                self.discarded.append(expired)
                continue
            self._call(work, numbers(batch.records), chosen, now)

    def _call(self, work: ShardWork, batch: list[int], options: MappingOptions, now: int) -> None:
        self.calls.append(batch)
        bad = [number for number in batch if number in self.poison]
        if not bad:
            self.done += batch
            work.succeed()
            return
        first_failed = None
        if self.reports and bad[0] != batch[0]:
            first_failed = f"{bad[0]:05}"
            self.done += batch[: batch.index(bad[0])]
        discarded = work.fail(options, now, first_failed=first_failed)
        if discarded is not None:
            self.discarded.append(discarded)


def records(count: int) -> list[Record]:
    return [record(number) for number in range(count)]


def test_batches_have_at_most_the_batch_size() -> None:
    function = Function()
    function.run(ShardWork(), records(7), batch_size=3)
    assert function.calls == [[0, 1, 2], [3, 4, 5], [6]]


def test_a_batch_that_is_not_full_waits_for_its_window() -> None:
    work, options = ShardWork(), MappingOptions(batch_size=10, window_seconds=5)
    assert work.next_batch(records(3), options, 100) is None
    assert work.next_batch(records(4), options, 104) is None
    batch = work.next_batch(records(4), options, 105)
    assert batch is not None
    assert numbers(batch.records) == [0, 1, 2, 3]


def test_a_batch_stays_within_what_an_invocation_can_carry() -> None:
    big = [record(number, data="x" * 2**21) for number in range(4)]
    function = Function()
    function.run(ShardWork(), big, batch_size=100)
    assert function.calls == [[0, 1], [2, 3]]


def test_bisection_isolates_a_poison_record_and_its_neighbours_are_done() -> None:
    function = Function(5)
    function.run(ShardWork(), records(16), batch_size=16, bisect=True, maximum_retries=1)
    assert function.done == [n for n in range(16) if n != 5]
    assert [numbers(d.batch.records) for d in function.discarded] == [[5]]
    assert function.discarded[0].condition == "RetryAttemptsExhausted"


def test_without_bisection_the_whole_batch_is_given_up_after_its_retries() -> None:
    function = Function(5)
    function.run(ShardWork(), records(12), batch_size=8, maximum_retries=2)
    assert function.calls == [[0, 1, 2, 3, 4, 5, 6, 7]] * 3 + [[8, 9, 10, 11]]
    assert [numbers(d.batch.records) for d in function.discarded] == [list(range(8))]


def test_without_a_limit_a_batch_is_retried_for_ever() -> None:
    function = Function(0)
    function.run(ShardWork(), records(1))
    assert len(function.calls) > 100
    assert function.discarded == []


def test_what_a_function_reports_as_done_does_not_come_again() -> None:
    function = Function(2, 6, reports=True)
    function.run(ShardWork(), records(8), batch_size=8, bisect=True, maximum_retries=0)
    assert sorted(function.done) == [0, 1, 3, 4, 5, 7]
    assert len(function.done) == len(set(function.done))
    assert [numbers(d.batch.records) for d in function.discarded] == [[2], [6]]


def test_records_older_than_the_maximum_age_are_given_up() -> None:
    function = Function(0)
    function.run(ShardWork(), records(1), maximum_age_seconds=10)
    assert [d.condition for d in function.discarded] == ["RecordAgeExceeded"]
    assert len(function.calls) == 10


def test_parallel_batches_hold_all_records_of_their_keys_in_order() -> None:
    keyed = [record(number, key=f"key-{number % 10}") for number in range(100)]
    function = Function()
    function.run(ShardWork(), keyed, batch_size=100, parallelization=4)
    # The ten keys happen to take three of the four lanes.
    assert len(function.calls) == 3
    assert sorted(function.done) == list(range(100))
    for call in function.calls:
        assert call == sorted(call)
        for number in call:
            assert all(n in call for n in range(number % 10, 100, 10))


def test_a_shard_is_drained_when_all_it_holds_was_settled() -> None:
    work, options = ShardWork(), MappingOptions(batch_size=2)
    held = records(3)
    assert not work.is_drained(held)
    for now in (1, 2):
        assert work.next_batch(held, options, now) is not None
        assert not work.is_drained(held)
        work.succeed()
    assert work.is_drained(held)


def test_work_that_begins_after_a_record_leaves_out_those_before() -> None:
    function = Function()
    function.run(ShardWork(after="00001"), records(4), batch_size=10)
    assert function.calls == [[2, 3]]


@pytest.mark.parametrize(
    ("mapping", "options"),
    [
        ({}, MappingOptions()),
        (
            {
                "BatchSize": "10",
                "MaximumBatchingWindowInSeconds": 3,
                "BisectBatchOnFunctionError": "true",
                "MaximumRetryAttempts": 0,
                "MaximumRecordAgeInSeconds": "60",
                "ParallelizationFactor": "2",
                "FunctionResponseTypes": ["ReportBatchItemFailures"],
            },
            MappingOptions(
                batch_size=10,
                window_seconds=3,
                bisect=True,
                maximum_retries=0,
                maximum_age_seconds=60,
                parallelization=2,
                partial_responses=True,
            ),
        ),
    ],
)
def test_options_are_read_as_cloudformation_and_the_api_leave_them(
    mapping: dict[str, Any], options: MappingOptions
) -> None:
    assert MappingOptions.of(mapping) == options
