"""What the project adds to MiniStack: one module a service, each with `install(settings)`."""

from __future__ import annotations

from importlib import import_module

from tidelake.local.settings import LocalSettings

MODULES = (
    *("firehose", "kinesis", "stream_mappings", "s3", "sqs", "message_moves", "emr"),
    *("athena", "cloudwatch", "cloudformation", "settling"),
)
"""The modules of this package that `install` loads, in order."""

INERT_TYPES = frozenset(
    {
        "AWS::Budgets::Budget",
        "AWS::CloudTrail::Trail",
        "AWS::EC2::FlowLog",
        "AWS::EC2::SecurityGroupEgress",
        "AWS::EC2::SecurityGroupIngress",
        "AWS::EMR::InstanceFleetConfig",
        "AWS::EMR::InstanceGroupConfig",
        "AWS::EMR::SecurityConfiguration",
        "Custom::VpcRestrictDefaultSG",
    }
)
"""Resource types that CloudFormation makes here, as records that nothing acts on."""


def install(settings: LocalSettings) -> None:
    """Put every module's replacements in place, in this process.

    MiniStack reads its environment when it is imported, so the modules are imported here and not
    above. Raises LocalAwsError where a function to be replaced is not there.
    """
    for name in MODULES:
        import_module(f"{__name__}.{name}").install(settings)
