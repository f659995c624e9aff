from __future__ import annotations

from tidelake.contract.deferral import (
    QUEUE_RETENTION_SECONDS,
    deferral_seconds,
    shortest_wait_seconds,
)


def test_a_message_waits_twice_as_long_each_time_up_to_the_longest() -> None:
    assert [deferral_seconds(n, 60) for n in (1, 2, 3, 4, 5, 6, 999)] == [5, 10, 20, 40, 60, 60, 60]


def test_waiting_alone_makes_no_dead_letter_while_the_queue_keeps_the_message() -> None:
    assert shortest_wait_seconds(1_000, 1_800) > QUEUE_RETENTION_SECONDS == 1_209_600
    assert shortest_wait_seconds(3, 1_800) == 35
