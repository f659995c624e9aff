from __future__ import annotations

from typing import Any

import pytest

from tidelake.local.extension.emr.refusals import (
    Refusal,
    modifiable,
    one_page,
    require_concurrency,
    require_idle_timeout,
    require_json,
    require_valid_steps,
)


def steps(count: int, action: str = "CONTINUE") -> list[dict[str, Any]]:
    return [{"ActionOnFailure": action}] * count


def test_active_steps_count_against_the_256_of_a_cluster() -> None:
    require_valid_steps(steps(6), level=1, active=250)
    with pytest.raises(Refusal, match="Maximum number of active steps"):
        require_valid_steps(steps(7), level=1, active=250)


def test_one_step_at_a_time_may_act_on_failure() -> None:
    require_valid_steps(steps(1, "CANCEL_AND_WAIT"), level=1, active=0)
    with pytest.raises(Refusal, match="CANCEL_AND_WAIT"):
        require_valid_steps(steps(1, "CANCEL_AND_WAIT"), level=2, active=0)


@pytest.mark.parametrize("level", [0, 257])
def test_concurrency_outside_1_to_256_is_refused(level: int) -> None:
    with pytest.raises(Refusal, match=str(level)):
        require_concurrency(level)


@pytest.mark.parametrize("state", ["TERMINATING", "TERMINATED", "TERMINATED_WITH_ERRORS"])
def test_cluster_that_ends_is_not_modified(state: str) -> None:
    with pytest.raises(Refusal, match="may not be modified") as refused:
        modifiable({"Status": {"State": state}})
    assert refused.value.code == "ValidationException"


@pytest.mark.parametrize("state", ["STARTING", "BOOTSTRAPPING", "RUNNING", "WAITING"])
def test_cluster_that_lives_is_modified(state: str) -> None:
    modifiable({"Status": {"State": state}})


def test_page_that_holds_all_has_no_marker() -> None:
    found = [{"Id": str(number)} for number in range(50)]
    assert one_page("Steps", found, {}) == {"Steps": found}


def test_marker_still_holds_its_place_when_newer_entries_came() -> None:
    found = [{"Id": str(number)} for number in range(60)]
    marker = one_page("Steps", found, {})["Marker"]
    later = [{"Id": "newer"}, *found]
    assert one_page("Steps", later, {"Marker": marker}) == {"Steps": found[50:]}


def test_marker_that_was_never_given_is_refused() -> None:
    with pytest.raises(Refusal) as refused:
        one_page("Steps", [], {"Marker": "x"})
    assert refused.value.code == "InvalidRequestException"


def test_security_configuration_must_be_json() -> None:
    with pytest.raises(Refusal) as refused:
        require_json("{")
    assert refused.value.code == "InvalidRequestException"


@pytest.mark.parametrize("seconds", [59, 604_801])
def test_idle_time_outside_of_a_minute_to_a_week_is_refused(seconds: int) -> None:
    with pytest.raises(Refusal) as refused:
        require_idle_timeout({"IdleTimeout": seconds})
    assert refused.value.code == "ValidationException"
    require_idle_timeout({"IdleTimeout": 60})
    require_idle_timeout({})
