"""The sweep: what no event told is found."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from lambda_src.batches.following import FollowingError
from lambda_src.step_trigger import handler as trigger
from lambda_src.sweep import handler as sweep
from tests.lambda_src.control_plane import ControlPlane, events_of, raw
from tests.lambda_src.fake_emr import refused
from tidelake.contract.batch_items import Batch, BatchState
from tidelake.contract.manifest import Manifest, RawObject

Sweep = Callable[[], dict[str, int]]


@pytest.fixture
def swept(
    plane: ControlPlane, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Sweep:
    """Sweeps once; the metrics that were published."""
    following = plane.following()
    monkeypatch.setattr(sweep, "_following", lambda: following)
    deployed = plane.deployed()
    monkeypatch.setattr(trigger, "_deployed", lambda: deployed)

    def run() -> dict[str, int]:
        capsys.readouterr()
        sweep.handler({}, None)
        published = json.loads(capsys.readouterr().out.splitlines()[-1])
        return {k: v for k, v in published.items() if k not in ("_aws", "Environment")}

    return run


def put(plane: ControlPlane, hours_ago: int, name: str = "part.parquet") -> RawObject:
    """An object of the raw zone, in the hour that Firehose would have put it into."""
    hour = datetime.fromtimestamp(plane.clock.seconds, UTC) - timedelta(hours=hours_ago)
    key = f"streaming-data/{hour:year=%Y/month=%m/day=%d/hour=%H}/{name}"
    reply = plane.clients.s3.put_object(Bucket="lake", Key=key, Body=b"PAR1")
    return RawObject("lake", key, reply["VersionId"], 4)


def test_step_that_ended_unheard_of_is_found(plane: ControlPlane, swept: Sweep) -> None:
    trigger.handler(events_of([raw("a"), raw("b")]), None)
    plane.emr.end_step(plane.emr.names()[0], "COMPLETED")
    assert swept() == {"StepsCompleted": 1, "ObjectsForgotten": 0, "BatchesOverdue": 0}
    assert swept() == {"ObjectsForgotten": 0, "BatchesOverdue": 0}


def test_step_that_emr_no_longer_knows_is_submitted_again(
    plane: ControlPlane, swept: Sweep
) -> None:
    trigger.handler(events_of([raw("a")]), None)
    plane.emr.clusters[plane.cluster_id]["Steps"].clear()
    assert swept()["BatchesRetried"] == 1


def test_batch_that_emr_refuses_to_tell_of_leaves_the_others_to_be_followed(
    plane: ControlPlane,
    swept: Sweep,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    for name in ("first", "second"):
        trigger.handler(events_of([raw(name)]), None)
        plane.emr.end_step(plane.emr.names()[-1], "COMPLETED")
    plane.clock.seconds += 2 * 3_600
    put(plane, 2)
    first = Manifest.of([raw("first")]).batch_id
    refused_step, describe = plane.batch(first).step_id, plane.emr.describe_step

    def describe_others(**which: str) -> dict[str, object]:
        if which["StepId"] == refused_step:
            raise refused("AccessDeniedException", "no permission")
        return describe(**which)

    monkeypatch.setattr(plane.emr, "describe_step", describe_others)
    with pytest.raises(FollowingError, match=first):
        swept()
    published = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert (published["StepsCompleted"], published["ObjectsForgotten"]) == (1, 1)


def test_batch_whose_own_message_was_lost_is_asked_for_after_its_lease(
    plane: ControlPlane, swept: Sweep
) -> None:
    trigger.handler(events_of([raw("a")]), None)
    batch_id = Manifest.of([raw("a")]).batch_id
    lease = plane.table.now() + 90
    held = replace(plane.batch(batch_id), state=BatchState.RECORDED, lease_until=lease)
    assert plane.table.save(held) is not None
    swept()
    assert plane.sent() == []
    plane.clock.seconds += 91
    swept()
    assert plane.sent() == [{"tidelake": "submit", "batch_id": batch_id, "attempt": 1}]


def test_objects_that_no_step_took_are_handed_to_the_trigger(
    plane: ControlPlane, swept: Sweep
) -> None:
    plane.clock.seconds += 2 * 3_600
    forgotten, taken = put(plane, 2, "forgotten.parquet"), put(plane, 3, "taken.parquet")
    put(plane, 2, "_SUCCESS")
    put(plane, 30, "before-the-look-back.parquet")
    trigger.handler(events_of([taken]), None)
    assert swept()["ObjectsForgotten"] == 1
    [message] = plane.sent()
    assert [RawObject(**entry) for entry in message["objects"]] == [forgotten]


def test_new_object_is_not_forgotten_yet(plane: ControlPlane, swept: Sweep) -> None:
    put(plane, 0)
    assert swept()["ObjectsForgotten"] == 0


def test_object_whose_claimant_died_is_forgotten_once_the_lease_is_over(
    plane: ControlPlane, swept: Sweep
) -> None:
    plane.clock.seconds += 2 * 3_600
    claimed = put(plane, 2)
    plane.table.claim([claimed], "dead", plane.table.now() + 90, {})
    assert swept()["ObjectsForgotten"] == 0
    plane.clock.seconds += 91
    assert swept()["ObjectsForgotten"] == 1


def test_batch_without_a_change_for_long_is_overdue(plane: ControlPlane, swept: Sweep) -> None:
    trigger.handler(events_of([raw("a")]), None)
    plane.clock.seconds += 241 * 60
    assert swept()["BatchesOverdue"] == 1


def test_index_lists_batches_by_their_state(plane: ControlPlane) -> None:
    def save(name: str, state: BatchState) -> Batch:
        batch = Batch(
            batch_id=Manifest.of([raw(name)]).batch_id,
            job="curate",
            state=state,
            attempt=1,
            objects=1,
            cluster_id="",
            owner="",
            lease_until=0,
            recorded_at=0,
            updated_at=0,
        )
        saved = plane.table.save(batch)
        assert saved is not None
        return saved

    first, other = save("a", BatchState.RECORDED), save("b", BatchState.DONE)
    assert list(plane.table.batches(BatchState.RECORDED)) == [first]
    assert plane.table.save(replace(other, version=0)) is None
