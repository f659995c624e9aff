"""What `tidelake stream` shows."""

from __future__ import annotations

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from tidelake.client.stream_operations import StreamState


def headline(state: StreamState) -> str:
    """`ACTIVE, 4 open shards`."""
    shards = "1 open shard" if state.open_shards == 1 else f"{state.open_shards} open shards"
    return f"{state.status}, {shards}"


def show_stream(state: StreamState, console: Console) -> None:
    """The stream in a line, its shards in a table: open ones, and closed ones that still hold
    records."""
    console.print(
        f"{state.name}: {headline(state)}, {state.mode.lower().replace('_', ' ')}, "
        f"{state.retention_hours} h retention, encryption {state.encryption}, "
        f"{state.consumers} fan-out consumers",
        highlight=False,
        markup=False,
        soft_wrap=True,
    )
    table = Table("shard", "state", "keys", "parents")
    for shard in state.shards:
        table.add_row(
            escape(shard.shard_id),
            "closed" if shard.closed else "open",
            f"{shard.share:.1%}",
            escape(", ".join(shard.parents)),
        )
    console.print(table)
