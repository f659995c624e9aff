"""What `tidelake backfill` does: has raw objects taken in again, or old ones for the first time."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from botocore.exceptions import ClientError
from rich.console import Console

from tidelake.contract.deployment import Output
from tidelake.contract.errors import ConfigurationError
from tidelake.contract.lake import RAW_PREFIX, arrival_day_folder
from tidelake.contract.steps import BACKFILL, asked_for_name
from tidelake.lake.ledger import CuratedCounts, LedgerEntry, read_entries
from tidelake.lake.tables import CuratedTables
from tidelake.operations.job_step import Days, JobCluster, JobStep

_FOLDER = re.compile(r"s3://(?P<bucket>[a-z0-9][a-z0-9.-]{1,61}[a-z0-9])(?:/(?P<prefix>.*))?")
_IGNORED_NAMES = ("_", ".")
"""Spark takes files whose names start so for its own."""


@dataclass(frozen=True, kw_only=True)
class RawFolder:
    """Raw objects: all below a folder of a bucket, or those of some arrival days of a raw zone."""

    bucket: str
    prefix: str
    """Empty for a whole bucket, or else ends with `/`."""
    days: Days | None

    @classmethod
    def of(cls, uri: str | None, days: Days | None, outputs: Mapping[Output, str]) -> RawFolder:
        """The folder `uri`, or the environment's own raw zone, of which days are asked for.

        Raises ConfigurationError for what is no folder on S3, and for a raw zone without days.
        """
        if uri is None:
            if days is None:
                raise ConfigurationError("--from", None, "a day, or --raw with a folder")
            return cls(bucket=outputs[Output.LAKE_BUCKET], prefix=RAW_PREFIX, days=days)
        match = _FOLDER.fullmatch(uri)
        if match is None:
            raise ConfigurationError("--raw", uri, "a folder such as s3://BUCKET/2019/")
        prefix = match["prefix"]
        folder = f"{prefix.rstrip('/')}/" if prefix else ""
        return cls(bucket=match["bucket"], prefix=folder, days=days)

    @property
    def uri(self) -> str:
        return f"s3://{self.bucket}/{self.prefix}"

    def objects(self, s3: Any) -> list[str]:
        """The URIs of the objects, empty ones left out, as the job finds them.

        `s3` is a boto3 client. Raises ConfigurationError where there are none, or where the
        bucket may not be listed.
        """
        try:
            found = [uri for prefix in self._prefixes() for uri in self._listed(s3, prefix)]
        except ClientError as error:
            allowed = f"a bucket that can be listed ({error.response['Error']['Code']})"
            raise ConfigurationError("--raw", self.uri, allowed) from error
        if not found and self.days is None:
            raise ConfigurationError("--raw", self.uri, "a folder with raw objects")
        if not found:
            allowed = f"days with raw objects; {self.uri} has none of these"
            raise ConfigurationError("--from and --to", str(self.days), allowed)
        return found

    def _prefixes(self) -> list[str]:
        if self.days is None:
            return [self.prefix]
        count = (self.days.end - self.days.first).days
        days = (self.days.first + timedelta(days=number) for number in range(count))
        return [f"{self.prefix}{arrival_day_folder(day)}" for day in days]

    def _listed(self, s3: Any, prefix: str) -> Iterator[str]:
        pages = s3.get_paginator("list_objects_v2").paginate(Bucket=self.bucket, Prefix=prefix)
        for page in pages:
            for entry in page.get("Contents", []):
                name = entry["Key"].rsplit("/", 1)[-1]
                if entry["Size"] and name and not name.startswith(_IGNORED_NAMES):
                    yield f"s3://{self.bucket}/{entry['Key']}"


def backfill(
    cluster: JobCluster,
    console: Console,
    environment: str,
    folder: RawFolder,
    *,
    again: bool = False,
) -> str:
    """Take the objects of a folder to the tables; the step's id.

    `again` takes also what the ledger has as read. Two of them do no harm: each batch is taken in
    once. Raises as `JobCluster.run` does.
    """
    days = folder.days
    what = folder.bucket if days is None else f"{days.first}-{days.end}"
    title = f"backfill {folder.uri if days is None else days}"
    job = JobStep(
        name=asked_for_name(environment, BACKFILL, what),
        title=title,
        script=Output.BACKFILL_URL,
        arguments=(
            *("--raw", folder.uri),
            *(() if days is None else days.arguments),
            *(("--again",) if again else ()),
        ),
    )
    return cluster.run(job, console)


def print_outcome(console: Console, tables: CuratedTables, uris: list[str]) -> None:
    """Say what the ledger has of the objects that were asked for."""
    entries = read_entries(tables)
    found = [entries[uri] for uri in uris if uri in entries]
    for line in outcome_lines(found, missing=len(uris) - len(found)):
        console.print(line, highlight=False, soft_wrap=True)


def outcome_lines(entries: list[LedgerEntry], *, missing: int) -> list[str]:
    """The sum of the objects' entries, and what it leaves out."""
    counts = CuratedCounts.of(entries)
    lines = [
        f"{_objects(len(entries) - counts.unreadable)} in the ledger: {counts.read:,} rows = "
        f"{counts.events:,} events + {counts.duplicates:,} duplicates + "
        f"{counts.quarantined:,} quarantined"
    ]
    if counts.unreadable:
        lines.append(f"{_objects(counts.unreadable)} cannot be read: see the table `ledger`")
    if missing:
        lines.append(f"{_objects(missing)} not in the ledger")
    return lines


def _objects(count: int) -> str:
    return "1 object" if count == 1 else f"{count:,} objects"
