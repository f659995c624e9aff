from __future__ import annotations

import random

from hypothesis import given
from hypothesis import strategies as st

from tidelake.contract.manifest import Manifest, RawObject

OBJECTS = [
    RawObject("lake", "streaming-data/b", "", 2),
    RawObject("lake", "streaming-data/a", "v2", 1),
    RawObject("lake", "streaming-data/a", "v1", 1),
]

raw_objects = st.builds(
    RawObject,
    bucket=st.just("lake"),
    key=st.text(max_size=5),
    version_id=st.text(max_size=3),
    size=st.integers(1, 9),
)


def test_a_batch_is_named_by_its_objects_whatever_their_order_and_repetition() -> None:
    shuffled = OBJECTS * 2
    random.Random(1).shuffle(shuffled)  # noqa: S311 - no secret
    assert Manifest.of(shuffled) == Manifest.of(OBJECTS)
    assert [raw.key for raw in Manifest.of(OBJECTS).objects] == [
        "streaming-data/a",
        "streaming-data/a",
        "streaming-data/b",
    ]


def test_other_objects_and_other_versions_make_another_batch() -> None:
    ids = {
        Manifest.of(OBJECTS).batch_id,
        Manifest.of(OBJECTS[:2]).batch_id,
        Manifest.of(OBJECTS[1:]).batch_id,
        Manifest.of([OBJECTS[0], OBJECTS[2]]).batch_id,
    }
    assert len(ids) == 4


def test_halves_hold_every_object_once() -> None:
    left, right = Manifest.of(OBJECTS).halves()
    assert left.objects + right.objects == Manifest.of(OBJECTS).objects
    assert (len(left.objects), len(right.objects)) == (1, 2)


@given(st.lists(raw_objects))
def test_a_manifest_comes_back_from_its_json(objects: list[RawObject]) -> None:
    manifest = Manifest.of(objects)
    assert Manifest.from_json(manifest.to_json()) == manifest


def test_an_object_has_its_uri() -> None:
    assert OBJECTS[0].uri == "s3://lake/streaming-data/b"
