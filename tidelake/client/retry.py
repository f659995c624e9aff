"""How failed records are sent again: how long, how often, and with which waits."""

from __future__ import annotations

import random
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class RetryPolicy:
    """How long and how often failed records are sent again.

    After its n-th failure a record waits a random time up to
    `min(longest_wait_seconds, first_wait_seconds * 2**(n - 1))` ("full jitter", AWS Architecture
    Blog, "Exponential Backoff And Jitter"), times the share of its call that failed: a stream
    that takes most records is hardly throttled. `deadline_seconds` after its first attempt a
    record is given up; `math.inf` never gives one up.
    """

    deadline_seconds: float = 60.0
    first_wait_seconds: float = 0.1
    longest_wait_seconds: float = 5.0

    def wait_seconds(self, failures: int, jitter: random.Random) -> float:
        """A wait after the `failures`-th failure, of a call that failed whole."""
        ceiling = self.first_wait_seconds * 2 ** min(failures - 1, 32)
        return jitter.uniform(0, min(self.longest_wait_seconds, ceiling))
