"""Changes of a table of orders, as a PostgreSQL connector of Debezium writes them, with keys."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from tidelake.sources.json_lines import dump
from tidelake.sources.synthetic.draw import Draw

_LIVE_ORDERS = 500
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)
_NEXT_STATUS = {"pending": "paid", "paid": "shipped", "shipped": "delivered"}


class ChangeDataLines:
    """Orders are made, go their way from pending to delivered, and are deleted."""

    def __init__(self, draw: Draw) -> None:
        self._draw = draw
        self._orders: list[dict[str, object]] = []
        # A server's name goes into the ids of its events: those of another seed must be others.
        self._server = f"shop-{draw.below(2**32):08x}"
        self._order_id = 1_000
        self._lsn = 24_023_128

    def line(self, at: datetime) -> str:
        """The next change."""
        chance = self._draw.share()
        if not self._orders or (chance < 0.4 and len(self._orders) < _LIVE_ORDERS):
            order = self._new_order()
            self._orders.append(order)
            return self._record("c", None, order, at)
        place = self._draw.below(len(self._orders))
        order = self._orders[place]
        status = _NEXT_STATUS.get(str(order["status"]))
        if status is None:
            self._orders[place] = self._orders[-1]
            self._orders.pop()
            return self._record("d", order, None, at)
        changed = {**order, "note": "called"} if chance > 0.9 else {**order, "status": status}
        self._orders[place] = changed
        return self._record("u", order, changed, at)

    def refused_line(self, at: datetime) -> str:
        """A line that cannot become an event."""
        return self.line(at).replace('"op":', '"op":"x","was":')

    def _new_order(self) -> dict[str, object]:
        self._order_id += 1
        return {
            "order_id": self._order_id,
            "customer_id": self._draw.below(2_000),
            "status": "pending",
            "total_amount": f"{5 + self._draw.below(20_000) / 100:.2f}",
            "note": None,
        }

    def _record(
        self,
        op: str,
        before: dict[str, object] | None,
        after: dict[str, object] | None,
        at: datetime,
    ) -> str:
        self._lsn += 64 + self._draw.below(200)
        row = after if after is not None else before
        assert row is not None  # noqa: S101 - narrows the type: a change has a row
        milliseconds = (at - _EPOCH) // _MILLISECOND
        source = (
            f'{{"version":"3.0.5.Final","connector":"postgresql","name":"{self._server}",'
            f'"ts_ms":{milliseconds},"snapshot":"false","db":"shop","schema":"public",'
            f'"table":"orders","txId":{self._lsn // 512},"lsn":{self._lsn}}}'
        )
        return (
            f'{{"key":{{"order_id":{row["order_id"]}}},"value":{{"before":{dump(before)},'
            f'"after":{dump(after)},"source":{source},"op":"{op}","ts_ms":{milliseconds + 40},'
            '"transaction":null}}'
        )
