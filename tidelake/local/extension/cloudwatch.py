"""Alarms that look at their own metric, period by period.

MiniStack takes every series of a metric's name for one, whatever its dimensions, and all periods
for one: an alarm without its `StreamName` would go off there, and never on AWS. Alarms on metric
math are not evaluated, and none is as time passes alone: only as data comes.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any

from ministack.services import cloudwatch

from tidelake.local.extension.replacing import replace_function, require_functions
from tidelake.local.settings import LocalSettings

_COMPARISONS = {
    "GreaterThanOrEqualToThreshold": lambda value, threshold: value >= threshold,
    "GreaterThanThreshold": lambda value, threshold: value > threshold,
    "LessThanThreshold": lambda value, threshold: value < threshold,
    "LessThanOrEqualToThreshold": lambda value, threshold: value <= threshold,
}
_MISSING = {"breaching": True, "notBreaching": False}


def install(_: LocalSettings) -> None:
    """Replace the evaluation of an alarm in this process."""
    require_functions(
        cloudwatch,
        *("_calc_stats", "_dims_from_list", "_dims_key", "_stat_value"),
        *("_dispatch_alarm_actions", "_evaluate_parent_alarms", "_record_history"),
    )

    def evaluate(alarm: dict[str, Any]) -> None:
        if not alarm.get("MetricName"):
            return
        old, new = alarm["StateValue"], state_of(alarm, _points(alarm), time.time())
        if new == old:
            return
        reason = f"Threshold Crossed: {alarm['MetricName']} against {alarm['Threshold']}"
        alarm.update(StateValue=new, StateReason=reason, StateUpdatedTimestamp=int(time.time()))
        cloudwatch._record_history(alarm["AlarmName"], old, new, reason)
        cloudwatch._dispatch_alarm_actions(alarm, old, new, reason)
        cloudwatch._evaluate_parent_alarms(alarm)

    replace_function(cloudwatch, "_evaluate_alarm", evaluate)


def state_of(alarm: Mapping[str, Any], points: Sequence[Mapping[str, Any]], now: float) -> str:
    """The state of an alarm by the points of its own series.

    As in "Evaluating an alarm" and "Configuring how CloudWatch alarms treat missing data" of the
    CloudWatch user guide, with periods that end now instead of on the clock.
    """
    periods = int(alarm.get("EvaluationPeriods", 1))
    verdicts = [_verdict(alarm, points, now, age) for age in range(periods)]
    if sum(verdict is True for verdict in verdicts) >= alarm.get("DatapointsToAlarm", periods):
        return "ALARM"
    if any(verdict is not None for verdict in verdicts):
        return "OK"
    is_ignored = alarm.get("TreatMissingData") == "ignore"
    return str(alarm["StateValue"]) if is_ignored else "INSUFFICIENT_DATA"


def _verdict(
    alarm: Mapping[str, Any], points: Sequence[Mapping[str, Any]], now: float, age: int
) -> bool | None:
    """Whether the period that ended `age` periods ago breaches; None if nothing tells."""
    seconds = int(alarm["Period"])
    end = now - age * seconds
    within = [point for point in points if end - seconds < point["Timestamp"] <= end]
    if not within:
        return _MISSING.get(alarm.get("TreatMissingData", "missing"))
    statistic = alarm.get("ExtendedStatistic") or alarm.get("Statistic", "Average")
    value = cloudwatch._stat_value(cloudwatch._calc_stats(within), statistic, within)
    return bool(_COMPARISONS[alarm["ComparisonOperator"]](value, float(alarm["Threshold"])))


def _points(alarm: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
    dimensions = cloudwatch._dims_from_list(alarm.get("Dimensions", []))
    key = (alarm["Namespace"], alarm["MetricName"], cloudwatch._dims_key(dimensions))
    points: Sequence[Mapping[str, Any]] = cloudwatch._metrics.get(key, [])
    return points
