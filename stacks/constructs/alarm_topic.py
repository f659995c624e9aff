"""Where alarms are sent."""

from __future__ import annotations

from collections.abc import Sequence

import aws_cdk as cdk
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_sns as sns
from aws_cdk import aws_sns_subscriptions as subscriptions
from constructs import Construct


def alarm_topic(
    scope: Construct,
    construct_id: str,
    *,
    key: kms.IKey,
    emails: Sequence[str],
    urls: Sequence[str],
) -> sns.Topic:
    """An encrypted topic that this account's alarms and rules may publish to, by TLS only.

    The key's own policy has to let CloudWatch and EventBridge use it.
    """
    topic = sns.Topic(scope, construct_id, master_key=key, enforce_ssl=True)
    # A topic with a policy of its own loses the default one, which let the alarms in.
    topic.add_to_resource_policy(
        iam.PolicyStatement(
            sid="PublishAlarms",
            principals=[iam.ServicePrincipal("cloudwatch.amazonaws.com")],
            actions=["sns:Publish"],
            resources=[topic.topic_arn],
            conditions={"StringEquals": {"aws:SourceAccount": cdk.Stack.of(scope).account}},
        )
    )
    # EventBridge gives no account or rule that a condition could ask for: it would be refused.
    topic.add_to_resource_policy(
        iam.PolicyStatement(
            sid="PublishEvents",
            principals=[iam.ServicePrincipal("events.amazonaws.com")],
            actions=["sns:Publish"],
            resources=[topic.topic_arn],
        )
    )
    for address in emails:
        topic.add_subscription(subscriptions.EmailSubscription(address))
    for url in urls:
        topic.add_subscription(subscriptions.UrlSubscription(url))
    return topic
