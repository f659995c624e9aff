"""Who is told when an environment costs more than was planned."""

from __future__ import annotations

from collections.abc import Sequence

from aws_cdk import aws_budgets as budgets
from constructs import Construct

_WARNINGS = (("ACTUAL", 80), ("FORECASTED", 100))
"""Percent of the budget that was spent, or that the month will come to."""


def cost_budget(
    scope: Construct,
    construct_id: str,
    *,
    environment: str,
    monthly_usd: int,
    emails: Sequence[str],
) -> budgets.CfnBudget:
    """A monthly budget over what bears the environment's tag, which warns by e-mail.

    AWS counts a tag only from when the account's billing settings list it for cost allocation.
    """
    subscribers = [
        budgets.CfnBudget.SubscriberProperty(address=address, subscription_type="EMAIL")
        for address in emails
    ]
    return budgets.CfnBudget(
        scope,
        construct_id,
        budget=budgets.CfnBudget.BudgetDataProperty(
            budget_type="COST",
            time_unit="MONTHLY",
            budget_limit=budgets.CfnBudget.SpendProperty(amount=monthly_usd, unit="USD"),
            cost_filters={"TagKeyValue": [f"user:Environment${environment}"]},
        ),
        notifications_with_subscribers=[
            budgets.CfnBudget.NotificationWithSubscribersProperty(
                notification=budgets.CfnBudget.NotificationProperty(
                    notification_type=kind,
                    comparison_operator="GREATER_THAN",
                    threshold=percent,
                    threshold_type="PERCENTAGE",
                ),
                subscribers=subscribers,
            )
            for kind, percent in _WARNINGS
        ],
    )
