"""Kinesis as AWS has it where MiniStack differs: the size of a call, and resharding.

MiniStack's own resharding throws the parents' records away. Here a parent stays, closed, until all
of it was read, and tells its readers of its children.
"""

from __future__ import annotations

from tidelake.local.extension.kinesis import cloudformation, puts, reading, resharding
from tidelake.local.settings import LocalSettings


def install(_settings: LocalSettings) -> None:
    """Put the replacements in place, in this process."""
    for module in (puts, resharding, reading, cloudformation):
        module.install()
