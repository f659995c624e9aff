"""Clicks, views and purchases of a shop as JSON lines, now and then in an older version."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from tidelake.sources.synthetic.draw import Draw

_USERS = [f"user-{number:04}" for number in range(800)]
_PRODUCTS = [f"product-{number:03}" for number in range(120)]
_PAGES = ("/", "/search", "/cart", "/account", *(f"/p/{name}" for name in _PRODUCTS))
_ELEMENTS = ("add-to-cart", "menu", "next", "search", "sign-in")
_OLD_SHARE = 0.02
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)


class AppEventLines:
    """Events whose ids the application gives itself, of users of whom some are busy."""

    def __init__(self, draw: Draw) -> None:
        self._draw = draw
        # Ids of another seed must be others.
        self._name = f"e-{draw.below(2**32):08x}"
        self._count = 0

    def line(self, at: datetime) -> str:
        """The next event."""
        draw = self._draw
        self._count += 1
        user = draw.popular(_USERS)
        if draw.share() < _OLD_SHARE:
            milliseconds = (at - _EPOCH) // _MILLISECOND
            return (
                f'{{"id":"{self._name}-{self._count}","type":"view","ts":{milliseconds},"user":"{user}",'
                f'"url":"{draw.popular(_PAGES)}"}}'
            )
        kind, what = self._kind()
        return (
            f'{{"schema_version":3,"event_id":"{self._name}-{self._count}","event_type":"{kind}",'
            f'"event_time":"{at:%Y-%m-%dT%H:%M:%S}.{at.microsecond // 1000:03}Z",'
            f'"user_id":"{user}","session_id":"{user}-{at:%d%H}",{what}}}'
        )

    def refused_line(self, at: datetime) -> str:
        """A line that cannot become an event."""
        return self.line(at).replace('"user', '"usr')

    def _kind(self) -> tuple[str, str]:
        draw = self._draw
        chance = draw.share()
        if chance < 0.6:
            return "view", f'"page":"{draw.popular(_PAGES)}"'
        if chance < 0.95:
            return "click", f'"page":"{draw.popular(_PAGES)}","element":"{draw.one_of(_ELEMENTS)}"'
        product = draw.popular(_PRODUCTS)
        quantity = 1 + draw.below(3)
        amount = quantity * (199 + draw.below(10_000))
        return (
            "purchase",
            f'"page":"/cart","product_id":"{product}","quantity":{quantity},'
            f'"amount_minor":{amount},"currency":"EUR"',
        )
