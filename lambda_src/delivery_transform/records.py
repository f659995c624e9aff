"""Records as Firehose hands them to a function, and its answers to them.

"Required parameters for data transformation" in the Firehose developer guide: every `recordId`
comes back once, with `Ok` and the data in base64, `Dropped`, or `ProcessingFailed`. Firehose puts
the last, as they came, below `processing-failed/` of the error prefix.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from lambda_src.delivery_transform.conformity import conformed, events_in
from tidelake.contract.errors import InvalidEventError
from tidelake.contract.metrics import Metric
from tidelake.contract.settings import Misfits

RESPONSE_BYTES = 6_000_000
"""Most bytes of an answer: Lambda's quota is 6 MiB for what a synchronous call returns."""

_RESULTS = {
    Metric.RECORDS_UNCHANGED: "Ok",
    Metric.RECORDS_REPAIRED: "Ok",
    Metric.RECORDS_DROPPED: "Dropped",
    Metric.RECORDS_REJECTED: "ProcessingFailed",
    Metric.RECORDS_OVER_LIMIT: "ProcessingFailed",
}
_ENTRY_BYTES = len('{"recordId": "", "result": "ProcessingFailed", "data": ""}, ')


@dataclass(frozen=True, slots=True)
class Answer:
    """What becomes of one record; `data` is its payload in base64, empty where it is not kept."""

    record_id: str
    outcome: Metric
    data: str = ""
    reason: str = ""

    def to_wire(self) -> dict[str, str]:
        wire = {"recordId": self.record_id, "result": _RESULTS[self.outcome]}
        return wire | {"data": self.data} if self.data else wire


def answer(record: Mapping[str, Any], misfits: Misfits) -> Answer:
    """Hold one record to the contract.

    A record of several events is kept or set aside as a whole. A blank one holds nothing that
    could be lost, and is dropped.
    """
    record_id, data = record["recordId"], record["data"]
    try:
        events = events_in(base64.b64decode(data))
        kept = [conformed(event) for event in events]
    except InvalidEventError as error:
        dropped = misfits is Misfits.DROP
        outcome = Metric.RECORDS_DROPPED if dropped else Metric.RECORDS_REJECTED
        return Answer(record_id, outcome, reason=str(error))
    if not kept:
        return Answer(record_id, Metric.RECORDS_DROPPED, reason="record: is blank")
    if all(after is before for after, before in zip(kept, events, strict=True)):
        return Answer(record_id, Metric.RECORDS_UNCHANGED, data)
    lines = "\n".join(json.dumps(event, separators=(",", ":")) for event in kept)
    return Answer(record_id, Metric.RECORDS_REPAIRED, base64.b64encode(lines.encode()).decode())


def within_limit(answers: Iterable[Answer], limit: int = RESPONSE_BYTES) -> list[Answer]:
    """The answers, those set aside whose data no longer fits into one response.

    A response above Lambda's quota would fail all of its records, and again at each attempt.
    """
    given = list(answers)
    room = limit - sum(_ENTRY_BYTES + len(answer.record_id) for answer in given)
    fitting = []
    for each in given:
        if len(each.data) > room:
            each = replace(each, outcome=Metric.RECORDS_OVER_LIMIT, data="", reason=_OVER_LIMIT)
        room -= len(each.data)
        fitting.append(each)
    return fitting


_OVER_LIMIT = "record: does not fit into what Lambda may return"
