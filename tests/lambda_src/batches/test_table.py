from __future__ import annotations

from tests.lambda_src.control_plane import ControlPlane
from tidelake.contract.manifest import Manifest, RawObject

FIRST, SECOND, THIRD = (
    RawObject("lake", f"streaming-data/{name}.parquet", "", 10) for name in "abc"
)


def test_an_object_that_another_has_claimed_is_lost_and_the_rest_is_a_batch_of_its_own(
    plane: ControlPlane,
) -> None:
    plane.table.claim([FIRST], "other", 2_000_000_000, {})

    manifest, lost = plane.table.claim([FIRST, SECOND, THIRD], "mine", 2_000_000_000, {})

    assert lost == {FIRST}
    assert manifest == Manifest.of([SECOND, THIRD])
    claims = plane.table.claims_of([FIRST, SECOND, THIRD])
    assert {o: c.owner for o, c in claims.items()} == {
        FIRST: "other",
        SECOND: "mine",
        THIRD: "mine",
    }
