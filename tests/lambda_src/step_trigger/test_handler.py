"""The trigger, from a batch of messages to its step."""

from __future__ import annotations

import itertools
import json
import threading
from typing import Any

import pytest
from botocore.exceptions import ClientError, ReadTimeoutError

from lambda_src.step_trigger import handler as trigger
from lambda_src.step_trigger.object_events import MalformedMessageError
from tests.lambda_src.conftest import JsonObject, LoadEvent, LogLines
from tests.lambda_src.control_plane import (
    TRIGGER_SETTINGS,
    ControlPlane,
    events_of,
    object_event,
    raw,
    sqs_event,
)
from tests.lambda_src.fake_emr import FakeEmr, refused
from tests.lambda_src.step_trigger.conftest import Handle
from tidelake.contract.batch_items import BatchState
from tidelake.contract.errors import ConfigurationError
from tidelake.contract.manifest import Manifest, RawObject

# The ids of the batches of `a`, and of `a` and `b`, of version v1: they depend on these alone.
BATCH_A = "2ffd38095a6973d3a338701df21cdc6b"
BATCH_AB = "2a4ee5ddae5bd6e8160eff37ea4ed4be"


def manifests(plane: ControlPlane) -> list[str]:
    listing = plane.clients.s3.list_objects_v2(Bucket="lake", Prefix="manifests/")
    return [entry["Key"] for entry in listing.get("Contents", [])]


def other_steps(plane: ControlPlane, count: int) -> None:
    """Steps of somebody else, active on the cluster."""
    steps = [{"Name": f"other-{i}", "ActionOnFailure": "CONTINUE"} for i in range(count)]
    plane.emr.add_job_flow_steps(JobFlowId=plane.cluster_id, Steps=steps)


def own_names(emr: FakeEmr) -> list[str]:
    return [name for name in emr.names() if not name.startswith("other-")]


def test_trigger_submits_one_step_for_a_batch(plane: ControlPlane, handle: Handle) -> None:
    assert handle(events_of([raw("a"), raw("b")])) == []
    assert manifests(plane) == [f"manifests/{BATCH_AB}.json"]
    [step] = plane.emr.clusters[plane.cluster_id]["Steps"]
    assert step["Name"] == f"dev/curate-{BATCH_AB}-1"
    assert step["ActionOnFailure"] == "CONTINUE"
    assert step["HadoopJarStep"] == {
        "Jar": "command-runner.jar",
        "Args": [
            "spark-submit",
            "--py-files",
            "s3://assets/shared.zip",
            "s3://assets/curate.py",
            "--manifest",
            f"s3://lake/manifests/{BATCH_AB}.json",
            "--database",
            "streaming_db",
        ],
    }


def test_manifest_names_the_objects_of_the_batch(plane: ControlPlane, handle: Handle) -> None:
    handle(events_of([raw("a")]))
    stored = plane.clients.s3.get_object(Bucket="lake", Key=f"manifests/{BATCH_A}.json")
    assert json.load(stored["Body"]) == {
        "batch_id": BATCH_A,
        "objects": [{"bucket": "lake", "key": "streaming-data/a", "version_id": "v1", "size": 10}],
    }


def test_batch_is_written_down_with_its_step(plane: ControlPlane, handle: Handle) -> None:
    handle(events_of([raw("a")]))
    batch = plane.batch(BATCH_A)
    assert (batch.state, batch.attempt, batch.objects) == (BatchState.SUBMITTED, 1, 1)
    assert (batch.cluster_id, batch.step_id) == (plane.cluster_id, "s-0000000000001")


def test_batch_is_written_down_before_its_step_is_submitted(
    plane: ControlPlane, handle: Handle, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[Any] = []

    def refuse(**_: Any) -> None:
        seen.append((plane.batch(BATCH_A), manifests(plane)))
        raise refused("ThrottlingException", "slow down")

    monkeypatch.setattr(plane.emr, "add_job_flow_steps", refuse)
    with pytest.raises(ClientError, match="ThrottlingException"):
        handle(events_of([raw("a")]))
    [(batch, written)] = seen
    assert (batch.state, batch.cluster_id) == (BatchState.RECORDED, plane.cluster_id)
    assert batch.step_name("dev") == f"dev/curate-{BATCH_A}-1"
    assert written == [f"manifests/{BATCH_A}.json"]


def test_trigger_submits_one_step_for_duplicate_events(plane: ControlPlane, handle: Handle) -> None:
    assert handle(events_of([raw("a"), raw("a")])) == []
    assert handle(events_of([raw("a")])) == []
    assert plane.emr.names() == [f"dev/curate-{BATCH_A}-1"]


@pytest.mark.parametrize("order", list(itertools.permutations(["a", "b", "ab"])))
def test_trigger_takes_each_object_once_in_any_order_and_grouping(
    order: tuple[str, ...], plane: ControlPlane, handle: Handle
) -> None:
    for names in order:
        assert handle(events_of(raw(name) for name in names)) == []
    objects = [
        o["key"]
        for key in manifests(plane)
        for o in json.load(plane.clients.s3.get_object(Bucket="lake", Key=key)["Body"])["objects"]
    ]
    assert sorted(objects) == ["streaming-data/a", "streaming-data/b"]
    assert len(plane.emr.names()) == len(manifests(plane))


def test_another_version_of_an_object_is_another_object(
    plane: ControlPlane, handle: Handle
) -> None:
    handle(events_of([raw("a", "v1")]))
    handle(events_of([raw("a", "v2")]))
    assert len(plane.emr.names()) == 2


def test_lost_reply_of_emr_leads_to_one_step(plane: ControlPlane, handle: Handle) -> None:
    plane.emr.drop_replies = 1
    with pytest.raises(ReadTimeoutError):
        handle(events_of([raw("a")]))
    # Within the lease nobody else submits it.
    assert handle(events_of([raw("a")])) == ["m0"]
    plane.clock.seconds += TRIGGER_SETTINGS.lease_seconds + 1
    assert handle(events_of([raw("a")])) == []
    assert plane.emr.names() == [f"dev/curate-{BATCH_A}-1"]
    assert plane.batch(BATCH_A).step_id == "s-0000000000001"


def test_step_whose_reply_was_lost_is_found_on_a_later_page_and_though_it_has_ended(
    plane: ControlPlane, handle: Handle
) -> None:
    plane.emr.drop_replies = 1
    with pytest.raises(ReadTimeoutError):
        handle(events_of([raw("a")]))
    plane.emr.end_step(f"dev/curate-{BATCH_A}-1", "COMPLETED")
    other_steps(plane, 120)
    plane.clock.seconds += TRIGGER_SETTINGS.lease_seconds + 1
    assert handle(events_of([raw("a")])) == []
    assert own_names(plane.emr) == [f"dev/curate-{BATCH_A}-1"]


def test_batch_is_submitted_anew_where_emr_no_longer_knows_the_cluster_of_a_lost_reply(
    plane: ControlPlane, handle: Handle
) -> None:
    plane.emr.drop_replies = 1
    with pytest.raises(ReadTimeoutError):
        handle(events_of([raw("a")]))
    new = plane.emr.run_job_flow(Name="new")["JobFlowId"]
    del plane.emr.clusters[plane.cluster_id]
    plane.clock.seconds += 91
    assert handle(events_of([raw("a")]), cluster_id=new) == []
    assert len(plane.emr.names(new)) == 1


def test_redelivered_message_resumes_its_batch_though_sqs_regroups(
    plane: ControlPlane, handle: Handle, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as broken:
        broken.setattr(plane.emr, "add_job_flow_steps", _time_out)
        with pytest.raises(ReadTimeoutError):
            handle(events_of([raw("a"), raw("b")]))
    plane.clock.seconds += TRIGGER_SETTINGS.lease_seconds + 1
    assert handle(events_of([raw("b"), raw("c")])) == []
    assert handle(events_of([raw("a")])) == []
    only_c = Manifest.of([raw("c")]).batch_id
    assert plane.emr.names() == [f"dev/curate-{BATCH_AB}-1", f"dev/curate-{only_c}-1"]


def test_claims_of_an_invocation_that_died_before_its_batch_are_free_after_the_lease(
    plane: ControlPlane, handle: Handle, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as broken:
        broken.setattr(plane.clients.s3, "put_object", _time_out)
        with pytest.raises(ReadTimeoutError):
            handle(events_of([raw("a"), raw("b")]))
    assert handle(events_of([raw("a")])) == ["m0"]
    plane.clock.seconds += TRIGGER_SETTINGS.lease_seconds + 1
    assert handle(events_of([raw("a")])) == []
    assert plane.emr.names() == [f"dev/curate-{BATCH_A}-1"]


def _time_out(**_: Any) -> None:
    raise ReadTimeoutError(endpoint_url="https://aws")


def test_trigger_leaves_work_queued_below_the_limit_of_steps(
    plane: ControlPlane, handle: Handle
) -> None:
    other_steps(plane, 200)
    assert handle(events_of([raw("a"), raw("b")])) == ["m0", "m1"]
    assert own_names(plane.emr) == []
    assert plane.table.claims_of([raw("a")]) == {}


def test_step_that_emr_refuses_is_tried_again_at_once(plane: ControlPlane, handle: Handle) -> None:
    other_steps(plane, 256)
    assert handle(events_of([raw("a")]), most_active_steps=300) == ["m0"]
    for i in range(256):
        plane.emr.end_step(f"other-{i}", "COMPLETED")
    assert handle(events_of([raw("a")])) == []
    assert own_names(plane.emr) == [f"dev/curate-{BATCH_A}-1"]


@pytest.mark.parametrize("active", [0, 250])
def test_a_backlog_makes_one_step_a_receive_and_none_is_lost(
    active: int, plane: ControlPlane, handle: Handle
) -> None:
    """A small one: `tests/local/test_control_plane.py` has the one of 10,000 objects."""
    other_steps(plane, active)
    waiting = [raw(f"part-{i:05d}.parquet") for i in range(200)]
    taken = take_all(plane, handle, waiting, receive=20)
    assert len(taken) == len(set(taken)) == 200
    assert len(own_names(plane.emr)) == 10


def take_all(
    plane: ControlPlane, handle: Handle, waiting: list[RawObject], *, receive: int
) -> list[RawObject]:
    """Hand over a queue until it is empty, while the steps of others end; what batches have."""
    for round_ in itertools.count():
        if not waiting:
            break
        for name in [n for n in plane.emr.names() if n.startswith("other-")][: 10 * round_]:
            plane.emr.end_step(name, "COMPLETED")
        some, rest = waiting[:receive], waiting[receive:]
        waiting = rest + [some[int(message[1:])] for message in handle(events_of(some))]
    return [
        raw_object
        for key in manifests(plane)
        for raw_object in Manifest.from_json(
            plane.clients.s3.get_object(Bucket="lake", Key=key)["Body"].read().decode()
        ).objects
    ]


@pytest.mark.parametrize("state", ["STARTING", "BOOTSTRAPPING", "RUNNING", "WAITING"])
def test_a_cluster_that_starts_takes_steps(state: str, plane: ControlPlane, handle: Handle) -> None:
    plane.emr.clusters[plane.cluster_id]["State"] = state
    assert handle(events_of([raw("a")])) == []


@pytest.mark.parametrize("state", ["TERMINATING", "TERMINATED", "TERMINATED_WITH_ERRORS"])
def test_work_stays_queued_where_the_cluster_is_gone_and_the_alarm_is_told(
    state: str, plane: ControlPlane, handle: Handle, capsys: pytest.CaptureFixture[str]
) -> None:
    plane.emr.end_cluster(plane.cluster_id, state)
    assert handle(events_of([raw("a")])) == ["m0"]
    metrics = [json.loads(line) for line in capsys.readouterr().out.splitlines()][-1]
    assert (metrics["ClusterUnavailable"], metrics["ObjectsDeferred"]) == (1, 1)
    assert plane.emr.names() == []


def test_work_stays_queued_where_emr_no_longer_knows_the_cluster(handle: Handle) -> None:
    assert handle(events_of([raw("a")]), cluster_id="j-FORGOTTEN") == ["m0"]


@pytest.mark.parametrize(
    ("receives", "seconds"), [(1, 5), (2, 10), (5, 80), (9, 1280), (10, 1800), (999, 1800)]
)
def test_deferred_messages_are_hidden_together_for_longer_each_time(
    receives: int,
    seconds: int,
    plane: ControlPlane,
    handle: Handle,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    hidden: list[tuple[str, int]] = []

    def hide(*, QueueUrl: str, Entries: list[dict[str, Any]]) -> dict[str, Any]:  # noqa: N803
        assert QueueUrl == plane.queue_url
        assert len(Entries) <= 10
        hidden.extend((entry["ReceiptHandle"], entry["VisibilityTimeout"]) for entry in Entries)
        return {"Failed": []}

    monkeypatch.setattr(plane.clients.sqs, "change_message_visibility_batch", hide)
    other_steps(plane, 200)
    handle(events_of([raw(f"{i}") for i in range(12)], receives=receives))
    assert hidden == [(f"r{i}", seconds) for i in range(12)]


@pytest.mark.parametrize(
    "ignored",
    [
        RawObject("lake", "streaming-data/a", "v1", 0),
        RawObject("lake", "streaming-data/_SUCCESS", "v1", 10),
        RawObject("lake", "streaming-data/.hidden", "v1", 10),
        RawObject("lake", "streaming-data/notes.txt", "v1", 10),
        RawObject("lake", "streaming-data/year=2026/", "v1", 10),
        RawObject("lake", "processed-data/a", "v1", 10),
        RawObject("another", "streaming-data/a", "v1", 10),
    ],
    ids=["empty", "marker", "hidden", "no Parquet", "folder", "another zone", "another bucket"],
)
def test_trigger_ignores_and_counts_what_is_no_raw_object(
    ignored: RawObject, handle: Handle, log_lines: LogLines
) -> None:
    assert handle(events_of([ignored])) == []
    [line] = log_lines()
    assert (line["counts"]["ObjectsSeen"], line["counts"]["ObjectsIgnored"]) == (0, 1)
    assert line["steps"] == []


def test_trigger_ignores_and_counts_the_test_event_of_s3(
    load_event: LoadEvent, handle: Handle, log_lines: LogLines
) -> None:
    handle(sqs_event(load_event("s3_test_event")))
    [line] = log_lines()
    assert (line["messages"], line["counts"]["ObjectsIgnored"]) == (1, 1)


def test_malformed_message_is_set_aside_with_its_reason(
    plane: ControlPlane, handle: Handle
) -> None:
    assert handle(sqs_event('{"no": "event"}', object_event(raw("a")))) == []
    reply = plane.clients.sqs.receive_message(
        QueueUrl=plane.dead_letters_url, MessageAttributeNames=["All"]
    )
    [message] = reply["Messages"]
    assert message["Body"] == '{"no": "event"}'
    reason = message["MessageAttributes"]["reason"]["StringValue"]
    assert reason == "source is missing or of the wrong type"
    assert plane.emr.names() == [f"dev/curate-{BATCH_A}-1"]


def test_trigger_takes_a_plain_notification_of_s3(
    load_event: LoadEvent, plane: ControlPlane, handle: Handle
) -> None:
    event = load_event("s3_notification")
    event["Records"][0]["s3"]["object"] |= {"key": "streaming-data/a", "versionId": "v1"}
    handle(event)
    assert manifests(plane) == [f"manifests/{BATCH_A}.json"]


def test_a_plain_event_that_cannot_be_taken_now_is_refused(
    plane: ControlPlane, handle: Handle
) -> None:
    other_steps(plane, 200)
    with pytest.raises(trigger.DeferredError):
        handle(object_event(raw("a")))


def test_trigger_refuses_an_invocation_that_is_no_event(handle: Handle) -> None:
    with pytest.raises(MalformedMessageError):
        handle({})


def test_trigger_says_what_became_of_every_object(
    handle: Handle, capsys: pytest.CaptureFixture[str]
) -> None:
    handle(events_of([raw("a")]))
    capsys.readouterr()
    bodies: list[JsonObject | str] = [object_event(raw(name)) for name in ("a", "b", "b", "_x")]
    handle(sqs_event(*bodies, "no JSON"))
    line, metrics = (json.loads(text) for text in capsys.readouterr().out.splitlines())
    only_b = Manifest.of([raw("b")]).batch_id
    assert line == {
        "level": "INFO",
        "message": "batch handled",
        "messages": 5,
        "malformed": 1,
        "deferred_messages": 0,
        "steps": [f"dev/curate-{only_b}-1"],
        "counts": {
            "ObjectsSeen": 3,
            "ObjectsClaimed": 1,
            "ObjectsDuplicate": 2,
            "ObjectsIgnored": 1,
            "ObjectsDeferred": 0,
            "StepsSubmitted": 1,
            "ClustersStarted": 0,
            "ClusterUnavailable": 0,
        },
    }
    assert metrics["Environment"] == "dev"
    assert metrics["ObjectsClaimed"] == 1


def test_trigger_logs_no_payload(handle: Handle, capsys: pytest.CaptureFixture[str]) -> None:
    secret = "alice@example.org"
    handle(sqs_event(secret, object_event(RawObject("lake", f"streaming-data/{secret}", "", 1))))
    assert secret not in capsys.readouterr().out


def test_settings_are_read_when_first_needed(monkeypatch: pytest.MonkeyPatch) -> None:
    for key in TRIGGER_SETTINGS.to_env():
        monkeypatch.delenv(key, raising=False)
    with pytest.raises(ConfigurationError, match="TIDELAKE_ENVIRONMENT"):
        trigger.handler(events_of([raw("a")]), None)


def test_many_invocations_at_once_launch_one_cluster(plane: ControlPlane) -> None:
    """moto is no judge of races between processes; those are tested on the local AWS."""
    launched = threading.Barrier(8)
    results: list[str] = []

    def find() -> None:
        clusters = plane.deployed(cluster_id="").clusters()
        launched.wait()
        try:
            results.append(clusters.find())
        except Exception as error:
            results.append(type(error).__name__)

    threads = [threading.Thread(target=find) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(plane.emr.requests) == 2
    assert set(results) <= {"j-0000000000002", "ClusterLaunchingError"}
