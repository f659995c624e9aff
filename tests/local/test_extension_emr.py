"""EMR on the real local AWS: its refusals, and steps that really run on Spark."""

from __future__ import annotations

import gzip
import io
import json
import time
import uuid
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.conftest import LocalAwsUnderTest

pytestmark = pytest.mark.slow

CONCURRENT_STEPS = 4

LINES_JOB = """
import sys
from pyspark.sql import SparkSession
from shared_code import SUFFIX

spark = SparkSession.builder.getOrCreate()
source, target = sys.argv[1], sys.argv[sys.argv.index("--master") + 1]
lines = spark.read.text(source).count()
spark.createDataFrame([(lines,)], "lines int").coalesce(1).write.json(target + SUFFIX)
print("counted", lines)
"""
FAILING_JOB = 'raise ValueError("the job gives up")'
ENDLESS_JOB = "import time; time.sleep(600)"


@dataclass(frozen=True)
class Emr:
    """Clients, and a bucket of this file's own."""

    client: Any
    s3: Any
    bucket: str

    def run_cluster(self, **settings: Any) -> str:
        instances = {"InstanceCount": 1, "KeepJobFlowAliveWhenNoSteps": True}
        instances |= settings.pop("Instances", {})
        request = {"Name": "under-test", "Instances": instances} | settings
        cluster_id: str = self.client.run_job_flow(**request)["JobFlowId"]
        return cluster_id

    def add(self, cluster_id: str, *steps: dict[str, Any]) -> list[str]:
        ids: list[str] = self.client.add_job_flow_steps(JobFlowId=cluster_id, Steps=steps)[
            "StepIds"
        ]
        return ids

    def cluster_state(self, cluster_id: str) -> str:
        cluster = self.client.describe_cluster(ClusterId=cluster_id)["Cluster"]
        return str(cluster["Status"]["State"])

    def step(self, cluster_id: str, step_id: str) -> dict[str, Any]:
        step: dict[str, Any] = self.client.describe_step(ClusterId=cluster_id, StepId=step_id)
        return step["Step"]["Status"]  # type: ignore[no-any-return]  # a reply of boto3


@dataclass(frozen=True)
class SparkRun:
    """Steps that ran at once on one cluster: their ids by name, and what came to the queue."""

    cluster_id: str
    step_ids: dict[str, str]
    states_while_running: set[str]
    events: list[dict[str, Any]]


def spark_submit(name: str, *arguments: str) -> dict[str, Any]:
    jar = {"Jar": "command-runner.jar", "Args": ["spark-submit", *arguments]}
    return {"Name": name, "ActionOnFailure": "CONTINUE", "HadoopJarStep": jar}


def unsupported(name: str, action: str = "CONTINUE") -> dict[str, Any]:
    """A step that fails at once, without Spark."""
    return {
        "Name": name,
        "ActionOnFailure": action,
        "HadoopJarStep": {"Jar": "s3://nowhere/other.jar"},
    }


def wait_until(holds: Callable[[], bool], seconds: float = 10) -> None:
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.1)


def refusal(call: Callable[[], object]) -> tuple[str, str]:
    with pytest.raises(ClientError) as refused:
        call()
    error = refused.value.response["Error"]
    return error["Code"], error["Message"]


@pytest.fixture(scope="module")
def emr(local_aws: LocalAwsUnderTest) -> Emr:
    found = Emr(local_aws.client("emr"), local_aws.client("s3"), f"emr-{uuid.uuid4().hex[:8]}")
    found.s3.create_bucket(Bucket=found.bucket)
    return found


@pytest.fixture
def cluster(emr: Emr) -> Iterator[str]:
    cluster_id = emr.run_cluster()
    yield cluster_id
    emr.client.terminate_job_flows(JobFlowIds=[cluster_id])


@pytest.fixture(scope="module")
def spark_run(emr: Emr, local_aws: LocalAwsUnderTest) -> SparkRun:
    """Four steps at once, so that Spark starts only in parallel; one is cancelled as it runs."""
    events = _subscribe_to_emr(local_aws)
    code = f"s3://{emr.bucket}/code"
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as shared:
        shared.writestr("shared_code.py", "SUFFIX = '/counted'\n")
    emr.s3.put_object(Bucket=emr.bucket, Key="code/shared.zip", Body=archive.getvalue())
    emr.s3.put_object(Bucket=emr.bucket, Key="in/lines.txt", Body=b"one\ntwo\nthree\n")
    for key, job in {"lines": LINES_JOB, "failing": FAILING_JOB, "endless": ENDLESS_JOB}.items():
        emr.s3.put_object(Bucket=emr.bucket, Key=f"code/{key}.py", Body=job.encode())
    source, target = f"s3://{emr.bucket}/in/", f"s3://{emr.bucket}/out"
    cluster_id = emr.run_cluster(
        StepConcurrencyLevel=CONCURRENT_STEPS, LogUri=f"s3://{emr.bucket}/emr-logs/"
    )
    options = ("--deploy-mode", "cluster", "--py-files", f"{code}/shared.zip")
    steps = {
        "lines": spark_submit("lines", *options, f"{code}/lines.py", source, "--master", target),
        "failing": spark_submit("failing", f"{code}/failing.py"),
        "missing": spark_submit("missing", f"{code}/missing.py"),
        "endless": spark_submit("endless", f"{code}/endless.py"),
    }
    ids = dict(zip(steps, emr.add(cluster_id, *steps.values()), strict=True))
    wait_until(lambda: emr.step(cluster_id, ids["endless"])["State"] == "RUNNING")
    seen = {emr.cluster_state(cluster_id)}
    others = [ids[name] for name in ("lines", "failing", "missing")]
    wait_until(
        lambda: all("EndDateTime" in emr.step(cluster_id, i)["Timeline"] for i in others), 180
    )
    emr.client.cancel_steps(ClusterId=cluster_id, StepIds=[ids["endless"]])
    wait_until(lambda: emr.cluster_state(cluster_id) == "WAITING", 30)
    return SparkRun(cluster_id, ids, seen, events())


def _subscribe_to_emr(local_aws: LocalAwsUnderTest) -> Callable[[], list[dict[str, Any]]]:
    sqs, events = local_aws.client("sqs"), local_aws.client("events")
    name = f"emr-{uuid.uuid4().hex[:8]}"
    url = sqs.create_queue(QueueName=name)["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]
    events.put_rule(Name=name, EventPattern=json.dumps({"source": ["aws.emr"]}))
    events.put_targets(Rule=name, Targets=[{"Id": "queue", "Arn": arn["QueueArn"]}])

    def received() -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = []
        while messages := sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages"):
            for message in messages:
                found.append(json.loads(message["Body"]))
                sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
        return found

    return received


def stored_log(emr: Emr, run: SparkRun, name: str, log: str) -> str:
    key = f"emr-logs/{run.cluster_id}/steps/{run.step_ids[name]}/{log}.gz"
    return gzip.decompress(emr.s3.get_object(Bucket=emr.bucket, Key=key)["Body"].read()).decode()


def test_step_runs_the_job_with_its_own_arguments_on_s3_objects(
    emr: Emr, spark_run: SparkRun
) -> None:
    listed = emr.s3.list_objects_v2(Bucket=emr.bucket, Prefix="out/counted/part-")["Contents"]
    body = emr.s3.get_object(Bucket=emr.bucket, Key=listed[0]["Key"])["Body"].read()
    assert json.loads(body) == {"lines": 3}
    assert emr.step(spark_run.cluster_id, spark_run.step_ids["lines"])["State"] == "COMPLETED"


def test_what_the_job_prints_is_stored_under_the_clusters_log_uri(
    emr: Emr, spark_run: SparkRun
) -> None:
    assert "counted 3\n" in stored_log(emr, spark_run, "lines", "stdout")
    assert "exit status 0" in stored_log(emr, spark_run, "lines", "controller")


def test_job_that_raises_fails_its_step_with_the_reason(emr: Emr, spark_run: SparkRun) -> None:
    status = emr.step(spark_run.cluster_id, spark_run.step_ids["failing"])
    assert status["State"] == "FAILED"
    assert status["FailureDetails"]["Message"] == "ValueError: the job gives up"
    assert status["FailureDetails"]["LogFile"].endswith(
        f"/emr-logs/{spark_run.cluster_id}/steps/{spark_run.step_ids['failing']}/stdout.gz"
    )
    assert "Traceback" in stored_log(emr, spark_run, "failing", "stdout")


def test_job_that_is_not_there_fails_its_step(emr: Emr, spark_run: SparkRun) -> None:
    status = emr.step(spark_run.cluster_id, spark_run.step_ids["missing"])
    assert status["State"] == "FAILED"
    assert "missing.py" in status["FailureDetails"]["Message"]


def test_running_step_that_is_cancelled_ends(emr: Emr, spark_run: SparkRun) -> None:
    status = emr.step(spark_run.cluster_id, spark_run.step_ids["endless"])
    assert status["State"] == "CANCELLED"


def test_cluster_is_running_while_its_steps_run(spark_run: SparkRun) -> None:
    assert spark_run.states_while_running == {"RUNNING"}


def test_failed_step_is_told_to_eventbridge(spark_run: SparkRun) -> None:
    step_id = spark_run.step_ids["failing"]
    told = [e for e in spark_run.events if e["detail"].get("stepId") == step_id]
    assert [e["detail"]["state"] for e in told] == ["PENDING", "RUNNING", "FAILED"]
    assert told[-1]["source"] == "aws.emr"
    assert told[-1]["detail-type"] == "EMR Step Status Change"
    assert (
        told[-1]["detail"].items()
        >= {
            "severity": "ERROR",
            "actionOnFailure": "CONTINUE",
            "name": "failing",
            "clusterId": spark_run.cluster_id,
        }.items()
    )


def test_clusters_life_is_told_to_eventbridge(spark_run: SparkRun) -> None:
    told = [e for e in spark_run.events if e["detail-type"] == "EMR Cluster State Change"]
    mine = [e["detail"] for e in told if e["detail"]["clusterId"] == spark_run.cluster_id]
    assert [detail["state"] for detail in mine] == ["STARTING", "RUNNING", "WAITING"]


def test_jar_that_cannot_run_here_fails_its_step_by_name(emr: Emr, cluster: str) -> None:
    (step_id,) = emr.add(cluster, unsupported("other"))
    wait_until(lambda: emr.step(cluster, step_id)["State"] == "FAILED")
    message = emr.step(cluster, step_id)["FailureDetails"]["Message"]
    assert "s3://nowhere/other.jar" in message


def test_257_steps_in_one_call_are_refused(emr: Emr, cluster: str) -> None:
    steps = [unsupported(str(number)) for number in range(257)]
    assert refusal(lambda: emr.add(cluster, *steps)) == (
        "ValidationException",
        "Maximum number of active steps(State = 'Running', 'Pending' or 'Cancel_Pending') "
        "for cluster exceeded.",
    )
    assert emr.client.list_steps(ClusterId=cluster)["Steps"] == []


def test_terminated_cluster_takes_no_steps(emr: Emr) -> None:
    cluster_id = emr.run_cluster()
    emr.client.terminate_job_flows(JobFlowIds=[cluster_id])
    assert refusal(lambda: emr.add(cluster_id, unsupported("late"))) == (
        "ValidationException",
        "A job flow that is shutting down, terminated, or finished may not be modified.",
    )


def test_unknown_cluster_takes_no_steps(emr: Emr) -> None:
    assert refusal(lambda: emr.add("j-NONE", unsupported("lost"))) == (
        "ValidationException",
        "Specified job flow ID does not exist.",
    )


def test_cluster_that_is_starting_takes_steps(emr: Emr) -> None:
    cluster_id = emr.run_cluster()
    assert emr.cluster_state(cluster_id) in {"STARTING", "BOOTSTRAPPING"}
    (step_id,) = emr.add(cluster_id, unsupported("early"))
    wait_until(lambda: emr.step(cluster_id, step_id)["State"] == "FAILED")
    emr.client.terminate_job_flows(JobFlowIds=[cluster_id])


def test_parallel_steps_must_continue_on_failure(emr: Emr) -> None:
    cluster_id = emr.run_cluster(StepConcurrencyLevel=2)
    code, message = refusal(lambda: emr.add(cluster_id, unsupported("x", "CANCEL_AND_WAIT")))
    assert code == "ValidationException"
    assert "ActionOnFailure CANCEL_AND_WAIT" in message
    emr.client.terminate_job_flows(JobFlowIds=[cluster_id])


def test_protected_cluster_is_not_terminated(emr: Emr) -> None:
    cluster_id = emr.run_cluster(Instances={"TerminationProtected": True})
    assert refusal(lambda: emr.client.terminate_job_flows(JobFlowIds=[cluster_id])) == (
        "ValidationException",
        "Could not shut down one or more job flows since they are termination protected.",
    )
    wait_until(lambda: emr.cluster_state(cluster_id) == "WAITING")
    emr.client.set_termination_protection(JobFlowIds=[cluster_id], TerminationProtected=False)
    emr.client.terminate_job_flows(JobFlowIds=[cluster_id])


def test_steps_are_listed_newest_first_fifty_a_page(emr: Emr, cluster: str) -> None:
    ids = emr.add(cluster, *(unsupported(str(number)) for number in range(60)))
    first = emr.client.list_steps(ClusterId=cluster)
    assert [step["Id"] for step in first["Steps"]] == ids[:9:-1]
    second = emr.client.list_steps(ClusterId=cluster, Marker=first["Marker"])
    assert [step["Id"] for step in second["Steps"]] == ids[9::-1]
    assert "Marker" not in second


def test_steps_are_listed_by_state_and_by_id(emr: Emr, cluster: str) -> None:
    first, second = emr.add(cluster, unsupported("a"), unsupported("b"))
    wait_until(lambda: emr.step(cluster, second)["State"] == "FAILED")
    by_id = emr.client.list_steps(ClusterId=cluster, StepIds=[first])["Steps"]
    assert [step["Name"] for step in by_id] == ["a"]
    assert emr.client.list_steps(ClusterId=cluster, StepStates=["PENDING"])["Steps"] == []


def test_policies_of_a_cluster_are_read_back_until_removed(emr: Emr, cluster: str) -> None:
    limits = {"UnitType": "Instances", "MinimumCapacityUnits": 1, "MaximumCapacityUnits": 3}
    emr.client.put_managed_scaling_policy(
        ClusterId=cluster, ManagedScalingPolicy={"ComputeLimits": limits}
    )
    emr.client.put_auto_termination_policy(
        ClusterId=cluster, AutoTerminationPolicy={"IdleTimeout": 60}
    )
    scaling = emr.client.get_managed_scaling_policy(ClusterId=cluster)["ManagedScalingPolicy"]
    assert scaling["ComputeLimits"] == limits
    idle = emr.client.get_auto_termination_policy(ClusterId=cluster)["AutoTerminationPolicy"]
    assert idle == {"IdleTimeout": 60}
    emr.client.remove_managed_scaling_policy(ClusterId=cluster)
    assert "ManagedScalingPolicy" not in emr.client.get_managed_scaling_policy(ClusterId=cluster)


def test_security_configuration_is_kept_until_deleted(emr: Emr) -> None:
    emr.client.create_security_configuration(Name="strict", SecurityConfiguration='{"a": 1}')
    found = emr.client.describe_security_configuration(Name="strict")
    assert found["SecurityConfiguration"] == '{"a": 1}'
    emr.client.delete_security_configuration(Name="strict")
    code, _ = refusal(lambda: emr.client.describe_security_configuration(Name="strict"))
    assert code == "InvalidRequestException"
