"""The function that counts the events of the data stream, and the queue of what it cannot read."""

from __future__ import annotations

import aws_cdk as cdk
from aws_cdk import aws_kinesis as kinesis
from aws_cdk import aws_kms as kms
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_lambda_event_sources as sources
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from stacks.constructs.pipeline_function import PipelineFunction
from stacks.constructs.stream_reading import grant_read_stream
from stacks.sections.consumer_function import ConsumerFunctionConfig
from tidelake.contract.settings import StreamCounterSettings

_POSITIONS = {
    "latest": lambda_.StartingPosition.LATEST,
    "trim_horizon": lambda_.StartingPosition.TRIM_HORIZON,
}


class StreamCounter(Construct):
    """A Lambda consumer with all options of its event source mapping.

    It publishes near-real-time counts by source and type, each event at least once. A record that
    it cannot read is set aside: its place on the stream goes to the queue, its neighbours are
    counted.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        config: ConsumerFunctionConfig,
        environment: str,
        stream: kinesis.IStream,
        log_retention_days: int,
        log_removal: cdk.RemovalPolicy,
        key: kms.IKey,
    ) -> None:
        super().__init__(scope, construct_id)
        self.failures = sqs.Queue(
            self,
            "Failures",
            encryption=sqs.QueueEncryption.SQS_MANAGED,
            enforce_ssl=True,
            retention_period=cdk.Duration.days(14),
        )
        self.function = function = PipelineFunction(
            self,
            "Count",
            package="stream_counter",
            description="tidelake: counts the events of the data stream by source and type",
            environment=StreamCounterSettings(environment=environment).to_env(),
            timeout_seconds=config.timeout_seconds,
            memory_mib=config.memory_mib,
            log_retention_days=log_retention_days,
            log_removal=log_removal,
            key=key,
        ).function
        grant_read_stream(stream, function, key)
        mapping = lambda_.EventSourceMapping(
            self,
            "Mapping",
            target=function,
            event_source_arn=stream.stream_arn,
            starting_position=_POSITIONS[config.starting_position],
            batch_size=config.batch_size,
            max_batching_window=cdk.Duration.seconds(config.batching_window_seconds),
            bisect_batch_on_error=config.bisect_on_error,
            parallelization_factor=config.parallelization_factor,
            retry_attempts=config.retry_attempts,
            max_record_age=cdk.Duration.seconds(config.maximum_record_age_seconds),
            on_failure=sources.SqsDlq(self.failures),
            report_batch_item_failures=True,
        )
        # Lambda tries the role on the stream and the queue when the mapping is made.
        if function.role is not None:
            mapping.node.add_dependency(function.role)
