from __future__ import annotations

from types import SimpleNamespace

import pytest

from tidelake.contract.errors import LocalAwsError
from tidelake.local.extension.replacing import (
    replace_entry,
    replace_function,
    require_functions,
)


def known(stream: str, records: int) -> str:
    return f"known {stream} {records}"


def ours(stream: str, records: int) -> str:
    return f"ours {stream} {records}"


def other(stream: str) -> str:
    return f"other {stream}"


def test_function_is_replaced_and_the_known_one_handed_back() -> None:
    module = SimpleNamespace(__name__="service", deliver=known)

    assert replace_function(module, "deliver", ours) is known
    assert module.deliver("s", 1) == "ours s 1"


def test_function_that_is_missing_is_named() -> None:
    with pytest.raises(LocalAwsError, match=r"service\.deliver is missing"):
        replace_function(SimpleNamespace(__name__="service"), "deliver", ours)


def test_function_that_takes_other_parameters_is_named_with_both() -> None:
    module = SimpleNamespace(__name__="service", deliver=other)

    with pytest.raises(LocalAwsError) as refusal:
        replace_function(module, "deliver", ours)

    assert "service.deliver is taking ['stream'], not ['stream', 'records']" in str(refusal.value)
    assert module.deliver is other


def test_entry_of_a_table_is_replaced_and_a_missing_one_named() -> None:
    table = {"Deliver": known}

    assert replace_entry(table, "Deliver", ours, "service._HANDLERS") is known
    assert table == {"Deliver": ours}
    with pytest.raises(LocalAwsError, match=r"service\._HANDLERS\['Delete'\] is missing"):
        replace_entry(table, "Delete", ours, "service._HANDLERS")


def test_function_that_is_called_has_to_be_there() -> None:
    module = SimpleNamespace(__name__="service", deliver=known, count=3)

    require_functions(module, "deliver")
    with pytest.raises(LocalAwsError, match=r"service\.count is missing"):
        require_functions(module, "deliver", "count")
