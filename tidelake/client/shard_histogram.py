"""How partition keys spread over shards, told before a stream has to bear it."""

from __future__ import annotations

import hashlib
from collections import Counter
from dataclasses import dataclass

HASH_KEYS = 2**128
"""Kinesis takes the MD5 digest of a partition key as a number below this (Data Streams guide,
"Terminology and concepts", partition key)."""

SHARD_RECORDS_A_SECOND = 1_000
"""Write limit of a shard (Data Streams guide, "Quotas and limits")."""

EVEN_SKEW = 1.25
HOT_SKEW = 2.0

_KEPT_KEYS = 100_000


@dataclass(frozen=True)
class HotKey:
    """A key that is written often, by its digest: keys may be addresses or names."""

    digest: str
    records: int
    share: float
    shard: int


class ShardHistogram:
    """Counts records and bytes by shard, and the hottest keys; its memory is bounded.

    The shards are those of a new stream: equal ranges of hash keys, the last one taking the rest.
    """

    def __init__(self, shards: int) -> None:
        self.records = [0] * shards
        self.bytes = [0] * shards
        self._width = HASH_KEYS // shards
        self._keys: Counter[str] = Counter()

    def add(self, partition_key: str, size: int) -> None:
        """Count one record of `size` bytes."""
        shard = self.shard_of(partition_key)
        self.records[shard] += 1
        self.bytes[shard] += size
        self._keys[partition_key] += 1
        if len(self._keys) > 2 * _KEPT_KEYS:
            # Keys that are rare by now: a hot one comes back, and is far ahead by then.
            self._keys = Counter(dict(self._keys.most_common(_KEPT_KEYS)))

    def shard_of(self, partition_key: str) -> int:
        """The index of the shard that a key goes to."""
        digest = hashlib.md5(partition_key.encode(), usedforsecurity=False).digest()
        return self.shard_of_hash_key(int.from_bytes(digest, "big"))

    def shard_of_hash_key(self, hash_key: int) -> int:
        """The index of the shard whose range a hash key is in."""
        return min(hash_key // self._width, len(self.records) - 1)

    @property
    def total(self) -> int:
        return sum(self.records)

    @property
    def skew(self) -> float:
        """Records of the hottest shard, over those of a shard if all had the same; 0 if none."""
        return max(self.records) * len(self.records) / self.total if self.total else 0.0

    @property
    def records_a_second(self) -> int:
        """What the shards together take of such records before the hottest one is throttled."""
        hottest = max(self.records)
        return SHARD_RECORDS_A_SECOND * self.total // hottest if hottest else 0

    def hottest_keys(self, count: int) -> list[HotKey]:
        """The keys with the most records."""
        return [
            HotKey(
                hashlib.blake2b(key.encode(), digest_size=6).hexdigest(),
                records,
                records / self.total,
                self.shard_of(key),
            )
            for key, records in self._keys.most_common(count)
        ]

    def verdict(self) -> str:
        """What the figures mean, in a sentence."""
        shards = len(self.records)
        hottest = self.hottest_keys(1)
        if not hottest:
            return "no records"
        if hottest[0].share * shards > HOT_SKEW:
            return (
                f"HOT: one key alone has {hottest[0].share:.0%} of the records; more shards do not "
                "help, another key does"
            )
        if self.skew > HOT_SKEW:
            return f"HOT: shard {self._hottest} gets {self.skew:.1f} times its part"
        if self.skew > EVEN_SKEW:
            return f"uneven: shard {self._hottest} gets {self.skew:.2f} times its part"
        return f"even: no shard gets more than {self.skew:.2f} times its part"

    @property
    def _hottest(self) -> int:
        return self.records.index(max(self.records))
