"""What `cdk bootstrap` is told for an environment: `python -m stacks.bootstrap NAME`."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path

from stacks.config import EnvironmentConfig
from tidelake.contract.errors import ConfigurationError

_CDK_JSON = Path(__file__).resolve().parents[1] / "cdk.json"
CDK_QUALIFIER = "hnb659fds"
"""The CDK's own (`DefaultStackSynthesizer.DEFAULT_QUALIFIER`)."""


def bootstrap_arguments(config: EnvironmentConfig) -> list[str]:
    """The qualifier that the stacks deploy by; one of its own takes a stack of its own.

    The bootstrap of another qualifier in the same account stays as it is: see "Customize AWS CDK
    bootstrapping" in the CDK developer guide.
    """
    qualifier = config.deployment.bootstrap_qualifier
    if qualifier == CDK_QUALIFIER:
        return ["--qualifier", qualifier]
    return ["--qualifier", qualifier, "--toolkit-stack-name", f"CDKToolkit-{qualifier}"]


def main(arguments: Sequence[str]) -> int:
    """Print the arguments on one line; exit status 2 where the configuration is refused."""
    environment = " ".join(arguments)
    environments = json.loads(_CDK_JSON.read_text())["context"]["environments"]
    try:
        config = EnvironmentConfig.from_values(environment, environments)
    except ConfigurationError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    sys.stdout.write(f"{' '.join(bootstrap_arguments(config))}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
