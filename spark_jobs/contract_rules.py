"""The field table's rules as one Spark expression."""

from __future__ import annotations

from collections.abc import Iterator

from pyspark.sql import Column
from pyspark.sql import functions as fn

from tidelake.contract.schema import SOURCES, Field, Source, event_fields


def broken_rule() -> Column:
    """The first rule that a raw row breaks, such as `status: above 599`; null if it keeps all.

    Names the field and the rule, never the value. Which rules apply is decided by `source`.
    """
    source = fn.col("source")
    by_source = fn.when(source.isNull(), fn.lit("source: missing"))
    for name, known in SOURCES.items():
        by_source = by_source.when(source == name, broken_rule_of(known))
    return by_source.otherwise(fn.lit(f"source: not one of {', '.join(SOURCES)}"))


def broken_rule_of(source: Source) -> Column:
    """The same for a row that is known to be of this source; needs no other source's columns."""
    return fn.coalesce(*(rule for field in event_fields(source) for rule in _rules(field)))


def _rules(field: Field) -> Iterator[Column]:
    """For each rule of a field, an expression: the rule's name where it is broken, else null."""
    value = fn.col(field.name)

    def rule(broken: Column, name: str) -> Column:
        return fn.when(broken, fn.lit(f"{field.name}: {name}"))

    if field.required:
        yield rule(value.isNull(), "missing")
    if field.minimum is not None:
        yield rule(value < field.minimum, f"below {field.minimum}")
    if field.maximum is not None:
        yield rule(value > field.maximum, f"above {field.maximum}")
    if field.max_length is not None:
        too_long = fn.length(value) > field.max_length
        yield rule(too_long, f"longer than {field.max_length} characters")
    if field.values:
        yield rule(~value.isin(*field.values), f"not one of {', '.join(field.values)}")
