"""EMR releases, with what each brings: the "Component versions" of its page in the release guide.

https://docs.aws.amazon.com/emr/latest/ReleaseGuide/emr-release-components.html
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class EmrRelease:
    """What one release brings that the job depends on."""

    spark: str
    python: str
    """The interpreter for the job; a release may have an older one as its default."""

    applications: tuple[str, ...]


RELEASES = {
    "emr-7.13.0": EmrRelease(
        spark="3.5.6", python="3.11", applications=("Hadoop", "Hive", "Spark")
    ),
}
"""The releases that the job is known to run on, by label."""

REFUSED_RELEASES = {
    "emr-6.15.0": "has Python 3.7, and the job needs 3.11",
    "emr-7.14.0": "is not tried: its version of Spark is not confirmed",
    "emr-spark-8.1.0": "is not tried: it has Spark 4.1.1, and the job is built for 3.5",
}
"""Releases that somebody may ask for, and why they are refused."""
