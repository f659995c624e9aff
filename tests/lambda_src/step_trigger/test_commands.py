"""What the pipeline asks of the trigger through its own queue."""

from __future__ import annotations

from dataclasses import replace

import pytest

from lambda_src.batches.outcomes import next_attempt
from tests.lambda_src.control_plane import ControlPlane, events_of, raw, sqs_event
from tests.lambda_src.step_trigger.conftest import Handle
from tidelake.contract.batch_items import BatchState
from tidelake.contract.manifest import Manifest
from tidelake.contract.trigger_messages import (
    MAINTAIN_BODY,
    objects_body,
    retry_body,
    submit_body,
)

BATCH = Manifest.of([raw("a")]).batch_id


@pytest.fixture
def second_attempt(plane: ControlPlane, handle: Handle) -> str:
    """A batch whose first attempt failed, and whose second is written down."""
    handle(events_of([raw("a")]))
    plane.emr.end_step(f"dev/curate-{BATCH}-1", "FAILED")
    assert plane.table.save(next_attempt(plane.batch(BATCH), plane.table.now())) is not None
    return BATCH


@pytest.mark.usefixtures("second_attempt")
def test_next_attempt_is_submitted_once_however_often_it_is_asked_for(
    plane: ControlPlane, handle: Handle
) -> None:
    body = submit_body(BATCH, 2)
    assert handle(sqs_event(body, body)) == []
    assert handle(sqs_event(body)) == []
    assert plane.emr.names() == [f"dev/curate-{BATCH}-1", f"dev/curate-{BATCH}-2"]
    assert plane.batch(BATCH).state is BatchState.SUBMITTED


@pytest.mark.usefixtures("second_attempt")
def test_an_attempt_that_is_over_is_not_submitted_again(
    plane: ControlPlane, handle: Handle
) -> None:
    assert handle(sqs_event(submit_body(BATCH, 1), submit_body("0" * 32, 1))) == []
    assert plane.emr.names() == [f"dev/curate-{BATCH}-1"]


@pytest.mark.usefixtures("second_attempt")
def test_next_attempt_waits_where_the_cluster_is_full(handle: Handle) -> None:
    assert handle(sqs_event(submit_body(BATCH, 2)), most_active_steps=0) == ["m0"]
    assert handle(sqs_event(submit_body(BATCH, 2))) == []


def test_next_attempt_is_submitted_where_emr_has_forgotten_the_cluster_of_the_last(
    plane: ControlPlane, handle: Handle
) -> None:
    handle(events_of([raw("a")]))
    following = next_attempt(plane.batch(BATCH), plane.table.now())
    assert plane.table.save(replace(following, cluster_id="j-FORGOTTEN")) is not None
    assert handle(sqs_event(submit_body(BATCH, 2))) == []
    assert plane.emr.names() == [f"dev/curate-{BATCH}-1", f"dev/curate-{BATCH}-2"]


def test_batch_that_was_set_aside_gets_its_attempts_anew(
    plane: ControlPlane, handle: Handle
) -> None:
    handle(events_of([raw("a")]))
    batch = plane.batch(BATCH)
    aside = replace(batch, state=BatchState.SET_ASIDE, failures=3, interruptions=6, splits=2)
    assert plane.table.save(aside) is not None
    body = retry_body(BATCH, "out of memory")
    assert handle(sqs_event(body)) == []
    assert handle(sqs_event(body)) == []
    batch = plane.batch(BATCH)
    assert (batch.state, batch.attempt) == (BatchState.SUBMITTED, 2)
    assert (batch.failures, batch.interruptions, batch.splits) == (0, 0, 0)
    assert plane.emr.names()[-1] == f"dev/curate-{BATCH}-2"


def test_next_attempt_needs_nothing_of_the_cluster_of_the_last(
    plane: ControlPlane, handle: Handle, second_attempt: str
) -> None:
    new = plane.emr.run_job_flow(Name="new")["JobFlowId"]
    plane.emr.forbidden.add(plane.cluster_id)
    assert handle(sqs_event(submit_body(second_attempt, 2)), cluster_id=new) == []
    assert plane.emr.names(new) == [f"dev/curate-{BATCH}-2"]


def test_objects_that_the_sweep_found_are_taken_once(plane: ControlPlane, handle: Handle) -> None:
    handle(events_of([raw("a")]))
    assert handle(sqs_event(objects_body([raw("a"), raw("b")]))) == []
    only_b = Manifest.of([raw("b")]).batch_id
    assert plane.emr.names() == [f"dev/curate-{BATCH}-1", f"dev/curate-{only_b}-1"]


def test_maintenance_is_submitted_with_its_sizes(plane: ControlPlane, handle: Handle) -> None:
    assert handle(sqs_event(MAINTAIN_BODY)) == []
    [step] = plane.emr.clusters[plane.cluster_id]["Steps"]
    assert step["Name"].startswith("dev/maintain-")
    assert step["HadoopJarStep"]["Args"] == [
        "spark-submit",
        "--py-files",
        "s3://assets/shared.zip",
        "s3://assets/maintain.py",
        "--database",
        "streaming_db",
        "--target-file-mib",
        "128",
        "--snapshot-days",
        "7",
        "--orphan-hours",
        "72",
    ]


def test_one_maintenance_at_most_is_under_way(plane: ControlPlane, handle: Handle) -> None:
    handle(sqs_event(MAINTAIN_BODY))
    # Delivered again, and asked for again by the next run of the schedule.
    handle(sqs_event(MAINTAIN_BODY))
    assert handle(sqs_event("", MAINTAIN_BODY)) == []
    assert len(plane.emr.names()) == 1
    plane.emr.end_step(plane.emr.names()[0], "COMPLETED")
    handle(sqs_event("", "", MAINTAIN_BODY))
    assert len(plane.emr.names()) == 2
