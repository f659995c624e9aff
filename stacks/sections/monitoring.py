"""What may be configured of logs, dashboard, alarms and audit."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from stacks.options import option
from stacks.sections.logs import LOG_RETENTION_DAYS

_MOST_BUDGET_EMAILS = 10
"""Subscribers by e-mail of one notification ("NotificationWithSubscribers", AWS Budgets API)."""


@dataclass(frozen=True, kw_only=True)
class MonitoringConfig:
    """Logs, dashboard and alarms."""

    log_retention_days: int = option(
        30, "How long the log groups keep their events.", choices=LOG_RETENTION_DAYS
    )
    alarm_emails: tuple[str, ...] = option(
        (),
        "Who is written to when an alarm goes off; each confirms a subscription.",
        pattern=r"[^@\s]+@[^@\s]+\.[^@\s]+",
        pattern_text="an e-mail address",
    )
    alarm_urls: tuple[str, ...] = option(
        (),
        "HTTPS endpoints that alarms are posted to; each confirms a subscription.",
        pattern=r"https://[^\s]+",
        pattern_text="an https:// URL",
    )
    runbook_url: str = option(
        "",
        "Page that every alarm links to, at the part with the alarm's name; empty for none.",
        pattern=r"(https://[^\s#]+)?",
        pattern_text="empty, or an https:// URL without #",
    )
    monthly_budget_usd: int = option(
        0,
        "Cost of a month above which alarm_emails are warned; 0 for no budget.",
        minimum=0,
        maximum=10_000_000,
    )
    iterator_age_alarm_seconds: int = option(
        3_600, "Age of unread records that raises the alarm.", minimum=60, maximum=31_536_000
    )
    freshness_alarm_seconds: int = option(
        1_800, "Age of undelivered records that raises the alarm.", minimum=60, maximum=604_800
    )
    queue_age_alarm_seconds: int = option(
        600,
        "Age of an untaken object event that raises the alarm; SQS leaves those that were "
        "received three times out of this age.",
        minimum=60,
        maximum=345_600,
    )

    def problems(self) -> Iterator[tuple[str, object, str]]:
        if self.monthly_budget_usd and not self.alarm_emails:
            yield "monthly_budget_usd", self.monthly_budget_usd, "0 where alarm_emails is empty"
        if self.monthly_budget_usd and len(self.alarm_emails) > _MOST_BUDGET_EMAILS:
            allowed = f"at most {_MOST_BUDGET_EMAILS} where monthly_budget_usd is set"
            yield "alarm_emails", list(self.alarm_emails), allowed


@dataclass(frozen=True, kw_only=True)
class AuditConfig:
    """CloudTrail's record of who read and wrote which record and object."""

    data_events: bool = option(
        False, "Whether CloudTrail logs data events of stream and lake, at a price for each."
    )
    expiry_days: int = option(
        365, "Age at which the audit log is deleted.", minimum=1, maximum=3_650
    )
