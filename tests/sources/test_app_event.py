from __future__ import annotations

import json

import pytest

from tests.sources.reading import events, own_fields, reason

PURCHASE: dict[str, object] = {
    "schema_version": 3,
    "event_type": "purchase",
    "event_time": "2026-03-02T10:00:00Z",
    "user_id": "u-1",
    "session_id": "s-1",
    "page": "/cart",
    "product_id": "p-9",
    "quantity": 2,
    "amount_minor": 1999,
    "currency": "EUR",
}


def line(**changes: object) -> str:
    changed = {**PURCHASE, **changes}
    return json.dumps({name: value for name, value in changed.items() if value is not ...})


OF_VERSION_2 = line(schema_version=2, amount_minor=..., price="19.99")
OF_VERSION_1 = json.dumps(
    {
        "type": "purchase", "ts": 1_772_445_600_000, "user": "u-1", "session": "s-1",
        "url": "/cart", "product": "p-9", "quantity": 2, "price": 19.99, "currency": "EUR",
    }
)  # fmt: skip


def test_a_purchase_becomes_an_event() -> None:
    (event,) = events("app_event", line())
    assert own_fields(event) == {
        name: value for name, value in PURCHASE.items() if name != "schema_version"
    }
    assert event["schema_version"] == 1


@pytest.mark.parametrize("old", [OF_VERSION_1, OF_VERSION_2])
def test_lines_of_older_versions_become_the_same_event(old: str) -> None:
    assert own_fields(events("app_event", old)[0]) == own_fields(events("app_event", line())[0])


@pytest.mark.parametrize(
    ("price", "currency", "minor"),
    [("19.9", "EUR", 1990), (0, "EUR", 0), (5, "JPY", 5), ("1.234", "KWD", 1234), (0.1, "USD", 10)],
)
def test_a_price_becomes_the_minor_unit_of_its_currency(
    price: object, currency: str, minor: int
) -> None:
    old = line(schema_version=2, amount_minor=..., price=price, currency=currency)
    assert events("app_event", old)[0]["amount_minor"] == minor


def test_the_first_version_knew_one_currency() -> None:
    (event,) = events("app_event", OF_VERSION_1.replace(', "currency": "EUR"', ""))
    assert event["currency"] == "USD"


def test_what_the_table_has_no_field_for_is_kept_among_the_properties() -> None:
    (event,) = events("app_event", line(theme="dark", properties={"beta": True}))
    assert event["properties"] == '{"beta":true,"theme":"dark"}'


def test_another_type_needs_a_user_alone() -> None:
    (event,) = events(
        "app_event",
        '{"schema_version": 2, "event_type": "sign_up", "event_time": "2026-03-02T10:00:00Z",'
        ' "user_id": "u-1"}',
    )
    assert event["event_type"] == "sign_up"


@pytest.mark.parametrize("name", ["event_id", "id"])
def test_an_own_id_makes_the_events_id_wherever_the_line_stands(name: str) -> None:
    one, two = events("app_event", line(**{name: "e-1"}), line(**{name: "e-1"}, quantity=3))
    assert one["event_id"] == two["event_id"]
    assert one["properties"] == f'{{"{name}":"e-1"}}'
    (other,) = events("app_event", line(**{name: "e-2"}))
    assert other["event_id"] != one["event_id"]


def test_one_event_id_has_one_event_time() -> None:
    one, two = events(
        "app_event", line(event_id="e-1"), line(event_id="e-1", event_time="2026-03-02T11:00:00Z")
    )
    assert one["event_id"] != two["event_id"]


def test_lines_without_an_own_id_are_told_apart_by_their_place() -> None:
    one, two = events("app_event", line(), line())
    assert one["event_id"] != two["event_id"]


@pytest.mark.parametrize(
    ("changes", "rule"),
    [
        ({"schema_version": 4}, "schema_version: must be from 1 to 3"),
        ({"schema_version": "3"}, "schema_version: must be from 1 to 3"),
        ({"schema_version": True}, "schema_version: must be from 1 to 3"),
        ({"event_time": ...}, "event_time: must be like 2015-05-17T10:05:03Z"),
        ({"event_time": 1_772_445_600_000}, "event_time: must be like 2015-05-17T10:05:03Z"),
        ({"event_type": ...}, "event_type: must be small letters, digits and '_', at most 64"),
        ({"event_type": "s3 t"}, "event_type: must be small letters, digits and '_', at most 64"),
        ({"user_id": ...}, "user_id: is missing"),
        ({"user_id": ""}, "user_id: is missing"),
        ({"product_id": ""}, "product_id: is missing in a purchase"),
        ({"user_id": 7}, "user_id: must be of type string"),
        ({"product_id": None}, "product_id: is missing in a purchase"),
        ({"amount_minor": ...}, "amount_minor: is missing in a purchase"),
        ({"amount_minor": -1}, "amount_minor: must be at least 0"),
        ({"amount_minor": 1.5}, "amount_minor: must be of type integer"),
        ({"quantity": 2.0}, "quantity: must be of type integer"),
        ({"quantity": 0}, "quantity: must be at least 1"),
        ({"quantity": True}, "quantity: must be of type integer"),
        ({"currency": "euro"}, "currency: must be three capital letters (ISO 4217)"),
        ({"currency": ["EUR"]}, "currency: must be three capital letters (ISO 4217)"),
        ({"event_type": "click"}, "element: is missing in a click"),
        ({"event_type": "view", "page": ...}, "page: is missing in a view"),
        ({"properties": 3}, "properties: must be an object"),
        ({"properties": {"a": 1}, "a": 2}, "properties: must not repeat a key of the event"),
        ({"event_id": ""}, "event_id: must be a text of 1 to 256 characters or an integer"),
        ({"event_id": True}, "event_id: must be a text of 1 to 256 characters or an integer"),
        ({"schema_version": 2, "amount_minor": ..., "price": "19.999"},
         "price: must be a decimal number of whole minor units"),
        ({"schema_version": 2, "amount_minor": ..., "price": "NaN"},
         "price: must be a decimal number of whole minor units"),
        ({"schema_version": 2, "amount_minor": ..., "price": "0." + "9" * 40},
         "price: must be a decimal number of whole minor units"),
        ({"schema_version": 2, "amount_minor": ..., "price": -1},
         "price: must be a decimal number of whole minor units"),
        ({"schema_version": 2, "price": 1}, "amount_minor: must not stand beside price"),
        ({"schema_version": 2, "amount_minor": ..., "price": 1, "currency": ...},
         "currency: is missing beside price"),
        ({"schema_version": 1, "user": "u"}, "user_id: must be given once"),
    ],
)  # fmt: skip
def test_a_wrong_line_is_rejected_with_its_reason(changes: dict[str, object], rule: str) -> None:
    assert reason("app_event", line(**changes)) == rule
