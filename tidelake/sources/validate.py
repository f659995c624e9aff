"""Validation of events against the field table."""

from __future__ import annotations

from functools import cache

import jsonschema_rs

from tidelake.contract.errors import InvalidEventError
from tidelake.contract.events import Event
from tidelake.contract.schema import Source, json_schema

_RULES = {
    "type": "must be of type {}",
    "const": "must be {}",
    "enum": "must be one of {}",
    "pattern": "must match {}",
    "minimum": "must be at least {}",
    "maximum": "must be at most {}",
    "maxLength": "must have at most {} characters",
}


class EventValidator:
    """Checks events of one source by the JSON Schema of its field table."""

    def __init__(self, source: Source) -> None:
        self._schema = json_schema(source)
        self._validator = jsonschema_rs.validator_for(self._schema)
        self.is_valid = self._validator.is_valid
        """`is_valid(event)`: the verdict without a reason, for the hot path."""

    def check(self, event: Event) -> None:
        """Raise InvalidEventError, which names field and rule and never a value, for a misfit.

        As in JSON Schema a number without a fraction is an integer, however it is written.
        """
        try:
            if self.is_valid(event):
                return
            reason = self._reason(event)
        except ValueError:
            reason = "event: must hold values of JSON alone"
        raise InvalidEventError(reason)

    def _reason(self, event: Event) -> str:
        error = next(iter(self._validator.iter_errors(event)))
        keyword = error.kind.name
        if keyword == "required":
            return f"{error.kind.value}: is missing"
        if keyword == "additionalProperties":
            return "event: must have no field outside the field table"
        rule: object = self._schema
        for step in error.schema_path:
            # The rule comes from the schema: an error's own text quotes the value.
            assert isinstance(rule, dict)  # noqa: S101 - narrows the type of a JSON Schema node
            rule = rule[step]
        field = error.instance_path[0] if error.instance_path else "event"
        return f"{field}: {_RULES[keyword].format(rule)}"


@cache
def validator_for(source: Source) -> EventValidator:
    """The validator of a source, compiled once in a process."""
    return EventValidator(source)
