"""A batch's step has ended: what becomes of the batch."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from botocore.exceptions import ClientError

from lambda_src.step_outcome import handler as outcome
from tests.lambda_src.control_plane import CLUSTER_NAME, ControlPlane, raw
from tests.lambda_src.fake_emr import refused
from tidelake.contract.batch_items import Batch, BatchState
from tidelake.contract.manifest import Manifest

ONE, FOUR = Manifest.of([raw("a")]), Manifest.of([raw(name) for name in "abcd"])

Ended = Callable[..., dict[str, int]]
Submitted = Callable[..., Batch]


@pytest.fixture
def submitted(plane: ControlPlane) -> Submitted:
    """A batch that is written down and has its step."""

    def build(manifest: Manifest = ONE, **changes: Any) -> Batch:
        batch = Batch(
            batch_id=manifest.batch_id,
            job="curate",
            state=BatchState.SUBMITTED,
            attempt=1,
            objects=len(manifest.objects),
            cluster_id=plane.cluster_id,
            owner="trigger",
            lease_until=0,
            recorded_at=plane.table.now(),
            updated_at=0,
        )
        batch = replace(batch, **changes)
        step = {"Name": batch.step_name("dev"), "ActionOnFailure": "CONTINUE"}
        reply = plane.emr.add_job_flow_steps(JobFlowId=plane.cluster_id, Steps=[step])
        key = f"manifests/{manifest.batch_id}.json"
        plane.clients.s3.put_object(Bucket="lake", Key=key, Body=manifest.to_json().encode())
        saved = plane.table.save(replace(batch, step_id=reply["StepIds"][0]))
        assert saved is not None
        return saved

    return build


@pytest.fixture
def ended(
    plane: ControlPlane, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Ended:
    """Ends a batch's step, and hands EMR's event over; the metrics that were published."""
    following = plane.following()
    monkeypatch.setattr(outcome, "_following", lambda: following)

    def end(batch: Batch, state: str, **details: str) -> dict[str, int]:
        step = plane.emr.end_step(batch.step_name("dev"), state, **details)
        outcome.handler(step_event(plane, batch.step_name("dev"), step["Id"], state), None)
        return metrics(capsys)

    return end


def step_event(plane: ControlPlane, name: str, step_id: str, state: str) -> dict[str, Any]:
    detail = {"clusterId": plane.cluster_id, "stepId": step_id, "name": name, "state": state}
    return {"source": "aws.emr", "detail-type": "EMR Step Status Change", "detail": detail}


def metrics(capsys: pytest.CaptureFixture[str]) -> dict[str, int]:
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    counts: dict[str, int] = {}
    for line in lines:
        if "_aws" in line:
            counts |= {k: v for k, v in line.items() if k not in ("_aws", "Environment")}
    return counts


def test_completed_step_makes_its_batch_done_and_its_counts_metrics(
    plane: ControlPlane, submitted: Submitted, ended: Ended
) -> None:
    result = {"batch_id": ONE.batch_id, "read": 9, "events": 6, "duplicates": 2, "quarantined": 1}
    result |= {"objects": 1, "unreadable": 0}
    plane.clients.s3.put_object(
        Bucket="lake", Key=f"batch-results/{ONE.batch_id}.json", Body=json.dumps(result).encode()
    )
    batch = submitted()
    assert ended(batch, "COMPLETED") == {
        "StepsCompleted": 1,
        "EventsCurated": 6,
        "EventsDuplicate": 2,
        "RowsQuarantined": 1,
        "ObjectsUnreadable": 0,
    }
    assert plane.batch(ONE.batch_id).state is BatchState.DONE


def test_counts_that_could_not_be_read_are_counted_by_the_next_look(
    plane: ControlPlane, submitted: Submitted, ended: Ended, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unavailable(**_: object) -> None:
        raise refused("SlowDown", "Please reduce your request rate.")

    batch = submitted()
    with monkeypatch.context() as broken:
        broken.setattr(plane.clients.s3, "get_object", unavailable)
        with pytest.raises(ClientError):
            ended(batch, "COMPLETED")
    assert ended(batch, "COMPLETED") == {"StepsCompleted": 1}


def test_doubled_event_counts_nothing_twice(submitted: Submitted, ended: Ended) -> None:
    batch = submitted()
    assert ended(batch, "COMPLETED") == {"StepsCompleted": 1}
    assert ended(batch, "COMPLETED") == {}


@pytest.mark.usefixtures("ended")
def test_event_of_an_end_that_did_not_come_changes_nothing(
    plane: ControlPlane, submitted: Submitted
) -> None:
    batch = submitted()
    outcome.handler(step_event(plane, batch.step_name("dev"), batch.step_id, "FAILED"), None)
    assert plane.batch(ONE.batch_id) == batch


@pytest.mark.parametrize(
    ("state", "ends"), [("FAILED", (1, 0)), ("CANCELLED", (0, 1)), ("INTERRUPTED", (0, 1))]
)
def test_step_that_did_not_complete_is_asked_for_under_the_next_attempt(
    state: str, ends: tuple[int, int], plane: ControlPlane, submitted: Submitted, ended: Ended
) -> None:
    assert ended(submitted(), state) == {"StepsFailed": 1, "BatchesRetried": 1}
    batch = plane.batch(ONE.batch_id)
    assert (batch.state, batch.attempt, batch.reason) == (BatchState.RECORDED, 2, state)
    assert (batch.failures, batch.interruptions) == ends


def test_next_attempt_is_asked_for_with_a_delay(
    plane: ControlPlane, submitted: Submitted, ended: Ended, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent: list[tuple[Any, int]] = []
    monkeypatch.setattr(
        plane.clients.sqs,
        "send_message",
        lambda **message: sent.append(
            (json.loads(message["MessageBody"]), message["DelaySeconds"])
        ),
    )
    ended(submitted(attempt=3), "CANCELLED")
    again = {"tidelake": "submit", "batch_id": ONE.batch_id, "attempt": 4}
    assert sent == [(again, 240)]


def test_batch_that_failed_three_times_is_halved(
    plane: ControlPlane, submitted: Submitted, ended: Ended
) -> None:
    left, right = FOUR.halves()
    assert ended(submitted(FOUR, attempt=3, failures=2), "FAILED") == {
        "StepsFailed": 1,
        "BatchesRetried": 2,
    }
    assert plane.batch(FOUR.batch_id).state is BatchState.SPLIT
    for half in (left, right):
        batch = plane.batch(half.batch_id)
        assert (batch.state, batch.objects, batch.splits) == (BatchState.RECORDED, 2, 1)
        key = f"manifests/{half.batch_id}.json"
        stored = plane.clients.s3.get_object(Bucket="lake", Key=key)["Body"].read().decode()
        assert Manifest.from_json(stored) == half


@pytest.mark.parametrize(
    ("manifest", "changes"),
    [
        (ONE, {"attempt": 3, "failures": 2}),
        (FOUR, {"attempt": 1, "failures": 2, "splits": 3}),
        (FOUR, {"attempt": 10, "interruptions": 9}),
    ],
    ids=["one object", "halved three times", "ten attempts"],
)
def test_what_fails_still_is_set_aside_with_its_reason_and_can_be_tried_again(
    manifest: Manifest,
    changes: dict[str, int],
    plane: ControlPlane,
    submitted: Submitted,
    ended: Ended,
) -> None:
    counts = ended(submitted(manifest, **changes), "FAILED", Reason="Unknown Error.")
    assert counts == {"StepsFailed": 1, "BatchesSetAside": 1}
    [listed] = plane.table.batches(BatchState.SET_ASIDE)
    assert (listed.batch_id, listed.reason) == (manifest.batch_id, "FAILED Unknown Error.")
    assert plane.sent(plane.dead_letters_url) == [
        {"tidelake": "retry", "batch_id": manifest.batch_id, "reason": "FAILED Unknown Error."}
    ]
    assert plane.sent() == []


def test_batch_whose_manifest_is_gone_is_set_aside_instead_of_halved(
    plane: ControlPlane, submitted: Submitted, ended: Ended
) -> None:
    batch = submitted(FOUR, attempt=3, failures=2)
    plane.clients.s3.delete_object(Bucket="lake", Key=f"manifests/{FOUR.batch_id}.json")
    assert ended(batch, "FAILED") == {"StepsFailed": 1, "BatchesSetAside": 1}
    assert plane.batch(FOUR.batch_id).reason == "FAILED; its manifest is gone"


def test_message_of_a_failed_job_which_may_hold_data_is_not_repeated(
    submitted: Submitted, ended: Ended, plane: ControlPlane, capsys: pytest.CaptureFixture[str]
) -> None:
    ended(submitted(), "FAILED", Reason="Unknown Error.", Message="bad row: alice@example.org")
    assert "alice" not in plane.batch(ONE.batch_id).reason
    assert "alice" not in capsys.readouterr().out


def test_step_of_a_batch_whose_trigger_was_cut_short_is_noted(
    plane: ControlPlane, submitted: Submitted, ended: Ended
) -> None:
    batch = submitted()
    cut_short = replace(batch, state=BatchState.RECORDED, step_id="")
    assert plane.table.save(cut_short) is not None
    assert ended(batch, "COMPLETED") == {"StepsCompleted": 1}
    assert plane.batch(ONE.batch_id).step_id == batch.step_id


def test_second_step_of_one_attempt_changes_nothing(
    plane: ControlPlane, submitted: Submitted, ended: Ended
) -> None:
    batch = submitted()
    step = {"Name": batch.step_name("dev"), "ActionOnFailure": "CONTINUE"}
    plane.emr.add_job_flow_steps(JobFlowId=plane.cluster_id, Steps=[step])
    assert ended(batch, "FAILED") == {}
    assert plane.batch(ONE.batch_id) == batch


@pytest.mark.usefixtures("ended")
@pytest.mark.parametrize(
    "name", ["wordcount", f"dev/curate-{'0' * 32}-1", "dev-2/backfill-2026-11-22-2026-11-23"]
)
def test_step_of_somebody_else_is_left_alone(
    name: str, plane: ControlPlane, capsys: pytest.CaptureFixture[str]
) -> None:
    outcome.handler(step_event(plane, name, "s-1", "FAILED"), None)
    assert metrics(capsys) == {}


@pytest.mark.usefixtures("ended")
@pytest.mark.parametrize(
    ("state", "counted"),
    [
        ("COMPLETED", {"StepsCompleted": 1}),
        ("FAILED", {"StepsFailed": 1}),
        ("CANCELLED", {"StepsFailed": 1}),
    ],
)
def test_step_that_a_person_asked_for_is_counted(
    state: str, counted: dict[str, int], plane: ControlPlane, capsys: pytest.CaptureFixture[str]
) -> None:
    name = "dev/backfill-2026-11-22-2026-11-23"
    outcome.handler(step_event(plane, name, "s-1", state), None)
    assert metrics(capsys) == counted


def test_failed_maintenance_is_left_to_its_schedule(
    plane: ControlPlane, submitted: Submitted, ended: Ended
) -> None:
    assert ended(submitted(job="maintain", objects=0), "FAILED") == {"StepsFailed": 1}
    assert plane.batch(ONE.batch_id).state is BatchState.DONE
    assert plane.sent() == []


@pytest.mark.usefixtures("ended")
def test_cluster_that_ends_has_all_its_batches_tried_again(
    plane: ControlPlane, submitted: Submitted, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in "abc":
        submitted(Manifest.of([raw(name)]))
    plane.emr.end_cluster(plane.cluster_id, "TERMINATED_WITH_ERRORS")
    detail = {"clusterId": plane.cluster_id, "name": CLUSTER_NAME}
    event = {"detail-type": "EMR Cluster State Change"}
    outcome.handler(event | {"detail": detail | {"state": "TERMINATED_WITH_ERRORS"}}, None)
    counts = metrics(capsys)
    assert counts == {"StepsFailed": 3, "BatchesRetried": 3, "ClustersFailed": 1}
    assert len(list(plane.table.batches(BatchState.RECORDED))) == 3
