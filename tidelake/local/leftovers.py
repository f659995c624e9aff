"""What is still there after `cdk destroy`."""

from __future__ import annotations

import re

from tidelake.local.endpoint import local_client

TOOLKIT_STACK = "CDKToolkit"
# `cdk-<qualifier>-assets-<account>-<region>`; the qualifier is the bootstrap's own.
STAGING_BUCKET = re.compile(r"cdk-[a-z0-9]{1,10}-assets-\d{12}-[a-z0-9-]+")
LIVE_CLUSTER_STATES = ["STARTING", "BOOTSTRAPPING", "RUNNING", "WAITING"]


def find_leftovers(endpoint: str) -> list[str]:
    """Stacks, buckets, log groups and live clusters other than the CDK's own bootstrap."""
    stacks = local_client("cloudformation", endpoint).list_stacks()["StackSummaries"]
    buckets = local_client("s3", endpoint).list_buckets()["Buckets"]
    groups = local_client("logs", endpoint).describe_log_groups()["logGroups"]
    clusters = local_client("emr", endpoint).list_clusters(ClusterStates=LIVE_CLUSTER_STATES)
    return [
        *(
            f"stack {stack['StackName']} ({stack['StackStatus']})"
            for stack in stacks
            if stack["StackStatus"] != "DELETE_COMPLETE" and stack["StackName"] != TOOLKIT_STACK
        ),
        *(
            f"bucket {bucket['Name']}"
            for bucket in buckets
            if not STAGING_BUCKET.fullmatch(bucket["Name"])
        ),
        *(f"log group {group['logGroupName']}" for group in groups),
        *(f"cluster {cluster['Id']}" for cluster in clusters["Clusters"]),
    ]
