"""The trigger on the real local AWS: races between processes, a large backlog, on demand."""

from __future__ import annotations

import io
import json
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from lambda_src.batches.clients import Clients
from lambda_src.batches.following import Following
from lambda_src.step_outcome import handler as outcome
from lambda_src.step_trigger import handler as trigger
from tests.conftest import PROJECT_DIR, LocalAwsUnderTest
from tests.lambda_src.control_plane import (
    SWEEP_SETTINGS,
    TRIGGER_SETTINGS,
    FakeClients,
    create_table,
    events_of,
    new_name,
    raw,
)
from tests.lambda_src.fake_emr import FakeEmr
from tidelake.contract.batch_items import BatchState
from tidelake.contract.manifest import Manifest, RawObject
from tidelake.contract.settings import StepTriggerSettings
from tidelake.local.endpoint import local_environment

pytestmark = pytest.mark.slow

PROCESSES, DELIVERIES = 8, 5
INVOKE = """
import json, os, pathlib, sys, time
from lambda_src.step_trigger.handler import handler

event, start = json.loads(pathlib.Path(sys.argv[1]).read_text()), pathlib.Path(sys.argv[2])
print("ready", flush=True)
while not start.exists():
    time.sleep(0.001)
for _ in range(int(sys.argv[3])):
    handler(event, None)
"""
STUB_JOB = "import sys; print('ran with', sys.argv[1:])"


@dataclass(frozen=True)
class Plane:
    """Table, queues and buckets of one test's own."""

    aws: LocalAwsUnderTest
    settings: StepTriggerSettings

    def client(self, service: str) -> Any:
        return self.aws.client(service)

    def steps(self, cluster_id: str) -> list[dict[str, Any]]:
        pages = self.client("emr").get_paginator("list_steps").paginate(ClusterId=cluster_id)
        return [step for page in pages for step in page["Steps"]]

    def clusters(self) -> list[dict[str, Any]]:
        pages = self.client("emr").get_paginator("list_clusters").paginate()
        name = self.settings.cluster_name
        return [c for page in pages for c in page["Clusters"] if c["Name"] == name]


@pytest.fixture
def plane(local_aws: LocalAwsUnderTest, monkeypatch: pytest.MonkeyPatch) -> Plane:
    """On demand, unless a test says otherwise; this process is pointed at the local AWS."""
    for key, value in local_environment(local_aws.endpoint, base={}).items():
        monkeypatch.setenv(key, value)
    name = new_name()
    for bucket in (name, f"{name}-code"):
        local_aws.client("s3").create_bucket(Bucket=bucket)
    create_table(local_aws.client("dynamodb"), name)
    sqs = local_aws.client("sqs")
    instances = {"InstanceCount": 1, "KeepJobFlowAliveWhenNoSteps": True}
    request = {"Name": name, "Instances": instances, "AutoTerminationPolicy": {"IdleTimeout": 60}}
    local_aws.client("ssm").put_parameter(Name=name, Value=json.dumps(request), Type="String")
    for job in ("curate", "maintain"):
        local_aws.client("s3").put_object(
            Bucket=f"{name}-code", Key=f"{job}.py", Body=STUB_JOB.encode()
        )
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as shared:
        shared.writestr("shared_code.py", "")
    local_aws.client("s3").put_object(
        Bucket=f"{name}-code", Key="shared.zip", Body=archive.getvalue()
    )
    settings = replace(
        TRIGGER_SETTINGS,
        lake_bucket=name,
        batches_table=name,
        queue_url=sqs.create_queue(QueueName=name)["QueueUrl"],
        dead_letters_url=sqs.create_queue(QueueName=f"{name}-dead")["QueueUrl"],
        cluster_name=name,
        launch_parameter=name,
        job_uri=f"s3://{name}-code/curate.py",
        maintain_uri=f"s3://{name}-code/maintain.py",
        py_files_uri=f"s3://{name}-code/shared.zip",
    )
    return Plane(local_aws, settings)


def wait_until(holds: Callable[[], bool], seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.2)


def test_one_object_delivered_five_times_by_eight_processes_at_once_is_one_step_of_one_cluster(
    plane: Plane, tmp_path: Path
) -> None:
    created = RawObject(plane.settings.lake_bucket, "streaming-data/a", "v1", 10)
    event, start = tmp_path / "event.json", tmp_path / "start"
    event.write_text(json.dumps(events_of([created])))
    environment = local_environment(plane.aws.endpoint, base=plane.settings.to_env())
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", INVOKE, str(event), str(start), str(DELIVERIES)],
            env={**environment, "PYTHONPATH": str(PROJECT_DIR)},
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(PROCESSES)
    ]
    for process in processes:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    start.touch()
    for process in processes:
        process.communicate(timeout=120)
    assert [process.returncode for process in processes] == [0] * PROCESSES
    [cluster] = plane.clusters()
    assert [step["Name"] for step in plane.steps(cluster["Id"])] == [
        f"dev/curate-{Manifest.of([created]).batch_id}-1"
    ]
    plane.client("emr").terminate_job_flows(JobFlowIds=[cluster["Id"]])


@pytest.mark.parametrize("active", [0, 250])
def test_ten_thousand_objects_make_at_most_forty_steps_and_none_is_lost(
    active: int, plane: Plane, monkeypatch: pytest.MonkeyPatch
) -> None:
    emr = FakeEmr()
    cluster_id = emr.run_job_flow(Name="persistent")["JobFlowId"]
    others = [{"Name": f"other-{i}", "ActionOnFailure": "CONTINUE"} for i in range(active)]
    emr.add_job_flow_steps(JobFlowId=cluster_id, Steps=others)
    services = ("s3", "dynamodb", "sqs", "ssm")
    clients = FakeClients(**{name: plane.client(name) for name in services}, emr=emr)
    settings = replace(plane.settings, cluster_id=cluster_id)
    deployed = trigger.Deployed(settings, clients)  # type: ignore[arg-type]  # a stand-in
    monkeypatch.setattr(trigger, "_deployed", lambda: deployed)
    bucket = plane.settings.lake_bucket
    waiting = [replace(raw(f"part-{i:05d}"), bucket=bucket) for i in range(10_000)]
    ended = 0
    while waiting:
        for i in range(ended, min(ended + 20, active)):
            emr.end_step(f"other-{i}", "COMPLETED")
        ended += 20
        some, rest = waiting[:1_000], waiting[1_000:]
        failures = trigger.handler(events_of(some), None)["batchItemFailures"]
        waiting = rest + [some[int(f["itemIdentifier"][1:])] for f in failures]
    steps = [name for name in emr.names() if not name.startswith("other-")]
    manifests = [deployed.manifests.read(name.split("-")[1]) for name in steps]
    taken = [o for manifest in manifests if manifest is not None for o in manifest.objects]
    assert len(taken) == len(set(taken)) == 10_000
    assert len(steps) <= 40


def test_object_on_demand_launches_a_cluster_runs_its_step_and_the_cluster_ends_itself(
    plane: Plane, monkeypatch: pytest.MonkeyPatch
) -> None:
    deployed = trigger.Deployed(plane.settings, Clients())
    monkeypatch.setattr(trigger, "_deployed", lambda: deployed)
    first = replace(raw("a"), bucket=plane.settings.lake_bucket)
    assert trigger.handler(events_of([first]), None) == {"batchItemFailures": []}
    [cluster] = plane.clusters()
    assert cluster["Status"]["State"] in {"STARTING", "BOOTSTRAPPING", "RUNNING"}

    def state() -> str:
        return str(plane.steps(cluster["Id"])[0]["Status"]["State"])

    wait_until(lambda: state() in {"COMPLETED", "FAILED"}, 150)
    assert state() == "COMPLETED"
    _tell_outcome(plane, monkeypatch, plane.steps(cluster["Id"])[0], cluster["Id"])
    batch = deployed.table.batch(Manifest.of([first]).batch_id)
    assert batch is not None
    assert batch.state is BatchState.DONE
    wait_until(lambda: plane.clusters()[0]["Status"]["State"] == "TERMINATED", 100)
    second = replace(raw("b"), bucket=plane.settings.lake_bucket)
    assert trigger.handler(events_of([second]), None) == {"batchItemFailures": []}
    newest, oldest = plane.clusters()
    assert (oldest["Id"], oldest["Status"]["State"]) == (cluster["Id"], "TERMINATED")
    plane.client("emr").terminate_job_flows(JobFlowIds=[newest["Id"]])


def _tell_outcome(
    plane: Plane, monkeypatch: pytest.MonkeyPatch, step: dict[str, Any], cluster_id: str
) -> None:
    settings = replace(
        SWEEP_SETTINGS,
        lake_bucket=plane.settings.lake_bucket,
        batches_table=plane.settings.batches_table,
        queue_url=plane.settings.queue_url,
        dead_letters_url=plane.settings.dead_letters_url,
        cluster_name=plane.settings.cluster_name,
    )
    following = Following.of(settings, Clients())
    monkeypatch.setattr(outcome, "_following", lambda: following)
    detail = {"name": step["Name"], "clusterId": cluster_id, "stepId": step["Id"]}
    event = {"detail-type": "EMR Step Status Change"}
    outcome.handler(event | {"detail": detail | {"state": step["Status"]["State"]}}, None)
