"""The manifest: exactly which raw objects one Spark step reads."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass


@dataclass(frozen=True, slots=True, order=True)
class RawObject:
    """One version of one raw object. `version_id` is empty where the bucket has no versions."""

    bucket: str
    key: str
    version_id: str
    size: int

    @property
    def uri(self) -> str:
        return f"s3://{self.bucket}/{self.key}"


@dataclass(frozen=True)
class Manifest:
    """One batch: its id, which depends on its objects alone, and the objects in order."""

    batch_id: str
    objects: tuple[RawObject, ...]

    @classmethod
    def of(cls, objects: Iterable[RawObject]) -> Manifest:
        """The batch of these objects, each named once, whatever order they came in."""
        distinct = tuple(sorted(set(objects)))
        listing = "\n".join(f"{o.bucket}\t{o.key}\t{o.version_id}" for o in distinct)
        return cls(hashlib.sha256(listing.encode()).hexdigest()[:32], distinct)

    def halves(self) -> tuple[Manifest, Manifest]:
        """Two batches of half the objects each; needs two objects or more."""
        middle = len(self.objects) // 2
        return Manifest.of(self.objects[:middle]), Manifest.of(self.objects[middle:])

    def to_json(self) -> str:
        return json.dumps(
            {"batch_id": self.batch_id, "objects": [asdict(o) for o in self.objects]}, indent=1
        )

    @classmethod
    def from_json(cls, text: str) -> Manifest:
        document = json.loads(text)
        objects = tuple(RawObject(**entry) for entry in document["objects"])
        return cls(document["batch_id"], objects)
