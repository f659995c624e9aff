from __future__ import annotations

from typing import Any

import pytest

from tests.client.stream_api import StreamApi
from tidelake.client.stream_operations import StreamOperations, StreamState, scaling_steps
from tidelake.contract.errors import CommandError, ConfigurationError, TransportError


def operations(api: Any) -> StreamOperations:
    return StreamOperations(api, "events", sleep=lambda _seconds: None)


@pytest.mark.parametrize(
    ("current", "target", "steps"),
    [
        (2, 2, []),
        (2, 4, [4]),
        (2, 5, [4, 5]),
        (3, 100, [6, 12, 24, 48, 96, 100]),
        (8, 1, [4, 2, 1]),
        (7, 2, [4, 2]),
        (5, 3, [3]),
    ],
)
def test_each_step_at_most_doubles_or_halves(current: int, target: int, steps: list[int]) -> None:
    assert scaling_steps(current, target) == steps


def test_a_stream_is_scaled_in_steps_and_waited_for_after_each() -> None:
    api = StreamApi(shards=2, updating_polls=2)
    seen: list[tuple[str, int]] = []
    state = operations(api).scale(5, lambda s: seen.append((s.status, s.open_shards)))
    assert api.updates == [4, 5]
    assert state.open_shards == 5
    assert ("UPDATING", 4) in seen
    assert seen[-1] == ("ACTIVE", 5)


def test_a_step_is_not_over_while_the_stream_is_seen_as_it_was() -> None:
    api = StreamApi(shards=2, updating_polls=1, stale_polls=2)
    assert operations(api).scale(5).open_shards == 5
    assert api.updates == [4, 5]


def test_scaling_that_was_interrupted_goes_on_from_where_it_is() -> None:
    api = StreamApi(shards=4, updating_polls=3, status="UPDATING")
    operations(api).scale(5)
    assert api.updates == [5]


def test_an_on_demand_stream_is_not_scaled() -> None:
    api = StreamApi(shards=4, mode="ON_DEMAND")
    with pytest.raises(ConfigurationError, match="events is on demand and scales itself"):
        operations(api).scale(8)
    assert api.updates == []


def test_a_count_that_ten_steps_do_not_reach_is_refused_before_the_first() -> None:
    api = StreamApi(shards=1)
    with pytest.raises(ConfigurationError, match="10 doublings or halvings of 1 reach"):
        operations(api).scale(1025)
    assert api.updates == []


def test_the_days_limit_is_told_in_words() -> None:
    api = StreamApi(shards=2, updates_left=1)
    with pytest.raises(ConfigurationError, match="10 changes in 24 hours"):
        operations(api).scale(8)
    assert api.updates == [4]


def test_waiting_ends_with_an_error_at_its_limit() -> None:
    api = StreamApi(shards=2, updating_polls=10**6, status="UPDATING")
    with pytest.raises(
        CommandError, match="data stream 'events' is UPDATING with 2 open shards after 0 s"
    ):
        operations(api).wait(limit_seconds=0)


@pytest.mark.parametrize("hours", [24, 48, 8_760])
def test_retention_is_raised_and_lowered(hours: int) -> None:
    api = StreamApi(shards=2, retention_hours=100)
    assert operations(api).set_retention(hours).retention_hours == hours


@pytest.mark.parametrize("hours", [1, 23, 8_761])
def test_a_retention_that_aws_does_not_allow_is_refused(hours: int) -> None:
    with pytest.raises(ConfigurationError, match="a whole number from 24 to 8760"):
        operations(StreamApi(shards=2)).set_retention(hours)


def test_a_stream_that_does_not_exist_is_named() -> None:
    missing = StreamOperations(StreamApi(shards=2), "others")
    with pytest.raises(TransportError, match="'others' failed: ResourceNotFoundException"):
        missing.describe()


def test_shards_are_described_with_their_part_of_the_keys() -> None:
    state: StreamState = operations(StreamApi(shards=4)).describe()
    assert [shard.share for shard in state.shards] == [0.25, 0.25, 0.25, 0.25]
    assert state.open_shards == 4
    assert state.to_document()["open_shards"] == 4
