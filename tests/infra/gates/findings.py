"""What a gate found, compared with what is acknowledged."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from stacks.acknowledgments import Acknowledged, is_part


@dataclass(frozen=True)
class Finding:
    """One rule that one construct breaks; `detail` names the action or resource, if any."""

    rule: str
    detail: str
    path: str
    """Below the stack."""


def unexplained(findings: Iterable[Finding], entries: Iterable[Acknowledged]) -> list[Finding]:
    """The findings that no entry explains."""
    known = tuple(entries)
    return [
        finding
        for finding in findings
        if not any(entry.explains(finding.rule, finding.detail, finding.path) for entry in known)
    ]


def stale_places(entry: Acknowledged, findings: Iterable[Finding]) -> list[str]:
    """The places of an entry where it explains nothing any more."""
    explained = [
        finding.path
        for finding in findings
        if entry.explains(finding.rule, finding.detail, finding.path)
    ]
    return [place for place in entry.where if not any(is_part(path, place) for path in explained)]


def is_a_sentence(reason: str) -> bool:
    """Whether a reason says more than that there is one."""
    return re.fullmatch(r"[A-Z][^\n]{40,}\.", reason) is not None
