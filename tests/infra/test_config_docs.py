"""The documentation of the configuration."""

from __future__ import annotations

from stacks.config_docs import DOCUMENT, configuration_markdown, current_document


def test_the_documentation_is_current() -> None:
    assert DOCUMENT.read_text() == current_document(), "run: python -m stacks.config_docs"


def test_the_documentation_states_default_and_range_of_an_option() -> None:
    assert (
        "| `stream.retention_hours` | `168` | a whole number from 24 to 8760 "
        "| How long records stay readable. |"
    ) in configuration_markdown({})


def test_the_documentation_shows_what_an_environment_sets() -> None:
    document = configuration_markdown({"dev": {"stream": {"shards": 3}}, "prod": {}})
    assert "| Option | dev | prod |" in document
    assert "| `stream.shards` | `3` |  |" in document
