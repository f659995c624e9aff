"""What EMR tells of steps and clusters: it publishes no metric of their outcomes, only events.

See "Monitoring Amazon EMR events with CloudWatch" in the EMR management guide. Events come at best
effort.
"""

from __future__ import annotations

from typing import Any

from aws_cdk import aws_events as events
from aws_cdk import aws_events_targets as targets
from aws_cdk import aws_sns as sns
from constructs import Construct

from tidelake.contract.steps import name_prefix


class ClusterEvents(Construct):
    """Tells a topic of steps that did not complete, and of clusters that should not have ended.

    Without a `cluster_id`, clusters come and go under `cluster_name`. One then ends as it should
    when it has no work left, and steps are known by their names, which start with `environment`.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        cluster_id: str | None,
        cluster_name: str,
        environment: str,
        topic: sns.ITopic,
    ) -> None:
        super().__init__(scope, construct_id)
        # The topic's own construct would let EventBridge use its key for whatever purpose.
        self._topic = sns.Topic.from_topic_arn(self, "Topic", topic.topic_arn)
        persistent = cluster_id is not None
        self.step_failed = self._rule(
            "StepFailed",
            "tidelake: a Spark step did not complete; its log lies in the lake's emr-logs/",
            detail_type="EMR Step Status Change",
            # A cluster that ends takes its steps along, which are then cancelled or interrupted.
            states=["FAILED", "CANCELLED", "INTERRUPTED"],
            which={"clusterId": [cluster_id]}
            if persistent
            else {"name": [{"prefix": name_prefix(environment)}]},
        )
        self.cluster_ended = self._rule(
            "ClusterEnded",
            "tidelake: a cluster ended that should not have",
            detail_type="EMR Cluster State Change",
            states=["TERMINATED", "TERMINATED_WITH_ERRORS"]
            if persistent
            else ["TERMINATED_WITH_ERRORS"],
            which={"clusterId": [cluster_id]} if persistent else {"name": [cluster_name]},
        )

    def _rule(
        self,
        construct_id: str,
        description: str,
        *,
        detail_type: str,
        states: list[str],
        which: dict[str, Any],
    ) -> events.Rule:
        return events.Rule(
            self,
            construct_id,
            description=description,
            event_pattern=events.EventPattern(
                source=["aws.emr"], detail_type=[detail_type], detail={**which, "state": states}
            ),
            targets=[targets.SnsTopic(self._topic)],
        )
