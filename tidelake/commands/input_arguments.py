"""The arguments that say what an input is; `send` and `keys simulate` take them."""

from __future__ import annotations

import argparse

from tidelake.commands.arguments import add_source
from tidelake.sources.options import (
    CRITICAL_FIELDS,
    SourceOptions,
    parse_key_fields,
    parse_names,
    parse_range,
    parse_settings,
)


def add_input(parser: argparse.ArgumentParser) -> None:
    """`--source`, `--file` and what the lines do not say themselves."""
    add_source(parser)
    parser.add_argument(
        "--file",
        action="append",
        required=True,
        metavar="FILE",
        help="plain or gzip; a pattern such as 'logs/*.log'; - is the standard input; repeatable",
    )
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="a field that the lines lack, such as device_id=m1 (sensor); repeatable",
    )
    parser.add_argument(
        "--valid-range",
        metavar="LOW:HIGH",
        help="what a good reading is between, such as --valid-range=-40:60 (sensor)",
    )
    parser.add_argument(
        "--key-fields",
        action="append",
        default=[],
        metavar="[TABLE=]NAME,...",
        help="the columns of the primary key, where lines have no key (change_data); repeatable",
    )
    parser.add_argument(
        "--critical-fields",
        default=",".join(CRITICAL_FIELDS),
        metavar="NAME,...",
        help="columns whose update is critical (change_data; default: %(default)s)",
    )
    parser.add_argument(
        "--origin",
        default="",
        metavar="NAME",
        help="tells apart inputs that may begin with the same line, such as the logs of two hosts",
    )


def source_options(parsed: argparse.Namespace) -> SourceOptions:
    """The options of the parsed arguments; ConfigurationError for one of a wrong form."""
    options = SourceOptions(
        origin=parsed.origin,
        settings=parse_settings(parsed.set),
        key_fields=parse_key_fields(parsed.key_fields),
        critical_fields=parse_names("--critical-fields", parsed.critical_fields),
        valid_range=None if parsed.valid_range is None else parse_range(parsed.valid_range),
    )
    options.check(parsed.source)
    return options
