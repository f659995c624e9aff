from __future__ import annotations

import pytest

from tidelake.client.shard_histogram import ShardHistogram


@pytest.mark.parametrize(
    ("key", "shards", "shard"),
    [
        # MD5 of these keys: 0cc175b9..., 92eb5ffe..., 4a8a08f0..., 8277e091..., e1671797...
        ("a", 2, 0),
        ("b", 2, 1),
        ("c", 2, 0),
        ("d", 2, 1),
        ("a", 4, 0),
        ("b", 4, 2),
        ("c", 4, 1),
        ("e", 4, 3),
        ("e", 1, 0),
        ("e", 3, 2),
    ],
)
def test_a_key_goes_where_kinesis_puts_it(key: str, shards: int, shard: int) -> None:
    assert ShardHistogram(shards).shard_of(key) == shard


def test_the_last_shard_takes_what_does_not_divide() -> None:
    """Of 7 shards each has 2**128 // 7 hash keys, and 4 are left over."""
    made = ShardHistogram(7)
    assert [made.shard_of_hash_key(key) for key in (0, 2**128 // 7, 2**128 - 1)] == [0, 1, 6]


def histogram(shards: int, records: dict[str, int]) -> ShardHistogram:
    made = ShardHistogram(shards)
    for key, count in records.items():
        for _ in range(count):
            made.add(key, 100)
    return made


def test_records_and_bytes_are_counted_by_shard() -> None:
    made = histogram(2, {"a": 3, "b": 1})
    assert (made.records, made.bytes, made.total) == ([3, 1], [300, 100], 4)
    assert made.skew == 1.5
    assert made.records_a_second == 1_333


def test_the_hottest_keys_are_named_by_their_digest() -> None:
    hottest = histogram(2, {"192.0.2.1": 3, "b": 1}).hottest_keys(1)[0]
    assert (hottest.records, hottest.share) == (3, 0.75)
    assert (hottest.digest, len(hottest.digest)) == ("471fbd4e0202", 12)


@pytest.mark.parametrize(
    ("shards", "records", "verdict"),
    [
        (2, {}, "no records"),
        (2, {"a": 5, "b": 5}, "even: no shard gets more than 1.00 times its part"),
        (2, {"a": 7, "b": 3}, "uneven: shard 0 gets 1.40 times its part"),
        (4, {"a": 4, "a2": 3, "b": 4, "c": 1}, "uneven"),
        (8, {"a": 10, "b": 2},
         "HOT: one key alone has 83% of the records; more shards do not help, another key does"),
    ],
)  # fmt: skip
def test_the_verdict_says_what_the_figures_mean(
    shards: int, records: dict[str, int], verdict: str
) -> None:
    assert histogram(shards, records).verdict().startswith(verdict)


def test_many_keys_in_one_shard_make_it_hot() -> None:
    keys = [f"key {number}" for number in range(4_000)]
    in_first = [key for key in keys if ShardHistogram(8).shard_of(key) == 0]
    assert histogram(8, dict.fromkeys(in_first, 1)).verdict() == (
        "HOT: shard 0 gets 8.0 times its part"
    )


def test_the_memory_for_keys_is_bounded_and_the_hot_one_is_kept() -> None:
    made = ShardHistogram(2)
    for number in range(250_000):
        made.add(f"rare {number}", 1)
        if number % 100 == 0:
            made.add("hot", 1)
    assert len(made._keys) <= 200_000
    assert made.hottest_keys(1)[0].records == 2_500
