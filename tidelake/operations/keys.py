"""What `tidelake keys simulate` does: a file's events by shard, as a picture."""

from __future__ import annotations

from rich.bar import Bar
from rich.console import Console
from rich.table import Table

from tidelake.client.partition_keys import KEY_FIELDS, partition_key
from tidelake.client.shard_histogram import ShardHistogram
from tidelake.contract.errors import ConfigurationError, InputError
from tidelake.contract.events import ParsedLine
from tidelake.local.inputs import outcomes_of
from tidelake.sources.json_lines import dump
from tidelake.sources.options import SourceOptions

MAX_SHARDS = 10_000
HOTTEST_KEYS = 5


def show_histogram(
    inputs: tuple[str, ...],
    *,
    source: str,
    source_options: SourceOptions,
    shards: int,
    console: Console,
) -> ShardHistogram:
    """Print how the inputs' events would spread; InputError if not one line holds an event."""
    if shards > MAX_SHARDS:
        raise ConfigurationError("--shards", shards, f"from 1 to {MAX_SHARDS}")
    histogram = ShardHistogram(shards)
    lines = 0
    for outcome in outcomes_of(inputs, source, source_options):
        lines += 1
        if isinstance(outcome, ParsedLine):
            data = dump(outcome.event).encode()
            key = partition_key(outcome.event, data)
            histogram.add(key, len(data) + len(key.encode()))
    if not histogram.total:
        raise InputError(f"nothing would be sent: 0 of {lines} lines hold an event")
    console.print(
        f"{lines:,} lines, {histogram.total:,} events; partition key: "
        f"{' / '.join(KEY_FIELDS[source])}",
        highlight=False,
    )
    console.print(_shards(histogram))
    console.print(_keys(histogram))
    console.print(
        f"skew {histogram.skew:.2f} (1 is even); such events reach the limit of the hottest shard "
        f"at {histogram.records_a_second:,} a second in all",
        highlight=False,
        soft_wrap=True,
    )
    console.print(histogram.verdict(), highlight=False, soft_wrap=True)
    return histogram


def _shards(histogram: ShardHistogram) -> Table:
    table = Table(title="Records by shard", title_justify="left")
    table.add_column("shard", justify="right")
    table.add_column("records", justify="right")
    table.add_column("KiB", justify="right")
    table.add_column("part", justify="right")
    table.add_column("", ratio=1, min_width=20)
    most = max(histogram.records)
    for shard, records in enumerate(histogram.records):
        part = records / histogram.total
        size = histogram.bytes[shard] / 1024
        table.add_row(
            str(shard), f"{records:,}", f"{size:,.0f}", f"{part:.1%}", Bar(most, 0, records)
        )
    return table


def _keys(histogram: ShardHistogram) -> Table:
    table = Table(title="Hottest keys, by their digest", title_justify="left")
    for heading in ("key", "shard", "records", "part"):
        table.add_column(heading, justify="left" if heading == "key" else "right")
    for key in histogram.hottest_keys(HOTTEST_KEYS):
        table.add_row(key.digest, str(key.shard), f"{key.records:,}", f"{key.share:.1%}")
    return table
