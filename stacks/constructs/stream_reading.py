"""Reading the data stream, as services do for themselves."""

from __future__ import annotations

from aws_cdk import aws_iam as iam
from aws_cdk import aws_kinesis as kinesis
from aws_cdk import aws_kms as kms


def grant_read_stream(stream: kinesis.IStream, grantee: iam.IGrantable, key: kms.IKey) -> None:
    """What Firehose and Lambda do with a stream that they read; the stream's own grant reaches its
    registered consumers too."""
    stream.grant(
        grantee,
        *("kinesis:DescribeStream", "kinesis:DescribeStreamSummary", "kinesis:GetRecords"),
        *("kinesis:GetShardIterator", "kinesis:ListShards"),
    )
    key.grant(grantee, "kms:Decrypt")
