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

    experimental: bool = False
    """Whether the job is tried on its Spark alone, and not yet on the release itself."""


RELEASES = {
    "emr-7.13.0": EmrRelease(
        spark="3.5.6", python="3.11", applications=("Hadoop", "Hive", "Spark")
    ),
    # Comes without Hadoop and Hive as applications.
    "emr-spark-8.1.0": EmrRelease(
        spark="4.1.1", python="3.11", applications=("Spark",), experimental=True
    ),
}
"""The releases that may be chosen, by label."""

REFUSED_RELEASES = {
    "emr-6.15.0": "has Python 3.7, and the job needs 3.11",
    "emr-7.14.0": "is not tried: its version of Spark is not confirmed",
}
"""Releases that somebody may ask for, and why they are refused."""
