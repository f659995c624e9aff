"""Writes the tables' part of `docs/tables.md`: `python -m spark_jobs.tables_docs`."""

from __future__ import annotations

from pathlib import Path

from spark_jobs.tables import TABLES, Table

DOCUMENT = Path(__file__).resolve().parents[1] / "docs" / "tables.md"
MARK = "<!-- From here on written by `python -m spark_jobs.tables_docs`. -->"


def tables_markdown() -> str:
    """Every table with its columns, in the order of `TABLES`."""
    return "\n".join(section for table in TABLES for section in _section(table))


def with_tables(document: str) -> str:
    """The document with the generated part anew; what stands before the mark is kept."""
    written, _, _ = document.partition(MARK)
    return f"{written}{MARK}\n\n{tables_markdown()}"


def _section(table: Table) -> list[str]:
    columns = (f"| `{c.name}` | {c.type} | {c.description} |" for c in table.columns)
    partitions = ", ".join(f"`{transform}`" for transform in table.partitions)
    return [
        f"## `{table.name}`",
        "",
        f"One row for each {table.row}."
        + (f" Partitioned by {partitions}." if partitions else " Not partitioned."),
        "",
        "| column | type | what it is |",
        "|---|---|---|",
        *columns,
        "",
    ]


if __name__ == "__main__":
    DOCUMENT.write_text(with_tables(DOCUMENT.read_text()))
