"""`tidelake check-vpc`."""

from __future__ import annotations

import argparse
import sys

from tidelake.commands.arguments import Commands, add_command
from tidelake.commands.exits import EXIT_FAILED


def add(commands: Commands) -> None:
    """Declare the command."""
    parser = add_command(
        commands,
        "check-vpc",
        _run,
        help="check that a VPC has what the cluster needs",
        description="Check a VPC for network.vpc_id and network.subnet_ids: one line for each "
        "thing that the cluster needs of it; exits with 1 where something is missing.",
    )
    parser.add_argument(
        "--environment",
        default="dev",
        metavar="NAME",
        help="`local` for the local AWS, any other for AWS (default: %(default)s)",
    )
    parser.add_argument("--vpc", required=True, metavar="ID", help="such as vpc-0123456789abcdef0")
    parser.add_argument(
        "--subnet",
        required=True,
        action="append",
        dest="subnets",
        metavar="ID",
        help="a subnet for the cluster; once for each",
    )


def _run(parsed: argparse.Namespace) -> int:
    from tidelake.local.target import open_target
    from tidelake.operations.vpc_check import check_vpc

    ec2 = open_target(parsed.environment).client("ec2")
    all_met = True
    for check in check_vpc(ec2, parsed.vpc, parsed.subnets):
        sys.stdout.write(f"{check}\n")
        all_met = all_met and check.is_met
    return 0 if all_met else EXIT_FAILED
