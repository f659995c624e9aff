"""What the cluster needs of its network, in a VPC of its own as in one that is given."""

from __future__ import annotations

EMR_POLICY_TAG = ("for-use-with-amazon-emr-managed-policies", "true")
"""What EMR's managed service policy demands of all that it may touch."""

CLUSTER_SERVICES = (
    *("elasticmapreduce", "glue", "kms", "logs"),
    *("monitoring", "ssm", "ssmmessages", "sts"),
)
"""AWS services that the nodes reach, besides S3, by the names of their interface endpoints."""
