"""Findings of checkov, cfn-lint and CDK's own validation that stay; as in `acknowledgments.py`."""

from __future__ import annotations

from stacks.acknowledgments import Acknowledged

_FUNCTIONS = (
    *("Counter/Count/Function", "Transform/Check/Function", "Trigger/Submit/Function"),
    *("Batches/Outcome/Function", "Batches/Sweep/Function"),
)
# CDK's own function that empties the buckets of an environment whose data goes with it.
_EMPTYING = "Custom::S3AutoDeleteObjectsCustomResourceProvider"

CHECKOV_ACKNOWLEDGED = (
    Acknowledged(
        rule="CKV_AWS_18",
        where=("Lake/AccessLogs", "Audit/Logs"),
        reason=(
            "These buckets hold logs of access themselves; a log of the log would grow with "
            "every line that it holds."
        ),
    ),
    Acknowledged(
        rule="CKV_AWS_27",
        where=("Steps/Queue", "Steps/DeadLetters", "Counter/Failures"),
        reason=(
            "SQS encrypts the queues with its own keys; their messages name objects of the lake or "
            "places on the data stream, and hold nothing of what is in them."
        ),
    ),
    Acknowledged(
        rule="CKV_AWS_28",
        where=("Batches/Table",),
        reason=(
            "Where data goes with its stack, the table of claims needs no way back to an earlier "
            "state; it has one wherever data is retained."
        ),
    ),
    Acknowledged(
        rule="CKV_AWS_67",
        where=("Audit/Trail",),
        reason=(
            "The trail holds the data events of one stream and one bucket, which are in this "
            "region; a trail of the account is for its owner to have."
        ),
    ),
    Acknowledged(
        rule="CKV_AWS_111",
        where=("Spark/NodeRole/DefaultPolicy",),
        reason=(
            "Sessions of Systems Manager are opened by actions that know no resource; every "
            "other statement of the nodes names what it reaches."
        ),
    ),
    Acknowledged(
        rule="CKV_AWS_115",
        where=(*_FUNCTIONS, _EMPTYING),
        reason=(
            "A reservation takes from what all functions of the account share; the batches of a "
            "queue or of Firehose, or the stack's own deletion, keep these to few instances."
        ),
    ),
    Acknowledged(
        rule="CKV_AWS_116",
        where=(*_FUNCTIONS, _EMPTYING),
        reason=(
            "These functions read a queue or a stream whose failures are set aside, or are called "
            "by Firehose or CloudFormation, which wait for the answer; what the events of EMR or "
            "of the schedule do not bring about, the next sweep finds."
        ),
    ),
    Acknowledged(
        rule="CKV_AWS_117",
        where=(*_FUNCTIONS, _EMPTYING),
        reason=(
            "The functions call public AWS endpoints by TLS and nothing in the VPC; within, they "
            "would need interface endpoints and network interfaces for no gain."
        ),
    ),
    Acknowledged(
        rule="CKV_AWS_173",
        where=_FUNCTIONS,
        reason=(
            "The variables are names of resources and hold no secret; Lambda encrypts them with "
            "its own key."
        ),
    ),
)

CFN_LINT_ACKNOWLEDGED = (
    Acknowledged(
        rule="W3005",
        where=("every template",),
        reason="The constructs of the CDK state a dependency twice, which is harmless.",
    ),
)

EMR_PLACEHOLDER = Acknowledged(
    rule="CloudFormation-Validate::E1029",
    where=("Spark/Cluster",),
    reason=(
        "The alarm of an automatic scaling rule names ${emr.clusterId}, which is EMR's own "
        "placeholder and not CloudFormation's."
    ),
)
CDK_ACKNOWLEDGED = (EMR_PLACEHOLDER,)
"""Their constructs tell them to the CDK, which validates as it synthesises."""
