"""Alarms on the local AWS: by their own series, period by period."""

from __future__ import annotations

import time
import uuid
from typing import Any

import pytest

from tests.conftest import LocalAwsUnderTest

pytestmark = pytest.mark.slow


class WatchedMetric:
    """An alarm on a metric of its own, above 10 on average in periods of a minute."""

    def __init__(self, aws: LocalAwsUnderTest, **settings: Any) -> None:
        self.cloudwatch = aws.client("cloudwatch")
        self.name = f"alarm-{uuid.uuid4().hex}"
        self.cloudwatch.put_metric_alarm(
            **{
                "AlarmName": self.name,
                "Namespace": "Test",
                "MetricName": self.name,
                "Dimensions": [{"Name": "Stream", "Value": "ours"}],
                "Statistic": "Average",
                "Period": 60,
                "EvaluationPeriods": 1,
                "Threshold": 10,
                "ComparisonOperator": "GreaterThanThreshold",
                **settings,
            }
        )

    def put(self, value: float, *, stream: str | None = "ours", seconds_ago: int = 1) -> None:
        dimensions = [] if stream is None else [{"Name": "Stream", "Value": stream}]
        datum = {
            "MetricName": self.name,
            "Dimensions": dimensions,
            "Value": value,
            "Timestamp": time.time() - seconds_ago,
        }
        self.cloudwatch.put_metric_data(Namespace="Test", MetricData=[datum])

    @property
    def state(self) -> str:
        [alarm] = self.cloudwatch.describe_alarms(AlarmNames=[self.name])["MetricAlarms"]
        state: str = alarm["StateValue"]
        return state


def test_an_alarm_goes_on_and_off_by_its_own_series(local_aws: LocalAwsUnderTest) -> None:
    watched = WatchedMetric(local_aws)
    assert watched.state == "INSUFFICIENT_DATA"
    watched.put(11)
    assert watched.state == "ALARM"
    watched.put(1)
    assert watched.state == "OK"


@pytest.mark.parametrize("stream", [None, "theirs"])
def test_data_under_other_dimensions_is_none_of_its_business(
    local_aws: LocalAwsUnderTest, stream: str | None
) -> None:
    watched = WatchedMetric(local_aws)
    watched.put(11, stream=stream)
    assert watched.state == "INSUFFICIENT_DATA"


def test_as_many_periods_breach_as_were_asked_for(local_aws: LocalAwsUnderTest) -> None:
    watched = WatchedMetric(local_aws, EvaluationPeriods=3, DatapointsToAlarm=2)
    watched.put(11)
    assert watched.state == "OK"
    watched.put(11, seconds_ago=130)
    assert watched.state == "ALARM"


@pytest.mark.parametrize(
    ("treatment", "state"),
    [
        ("notBreaching", "OK"),
        ("breaching", "ALARM"),
        ("missing", "INSUFFICIENT_DATA"),
        ("ignore", "INSUFFICIENT_DATA"),
    ],
)
def test_missing_data_is_treated_as_asked_for(
    local_aws: LocalAwsUnderTest, treatment: str, state: str
) -> None:
    assert WatchedMetric(local_aws, TreatMissingData=treatment).state == state
