"""Configuration -> stacks -> synth: what the CDK CLI runs."""

from __future__ import annotations

import sys

import aws_cdk as cdk

from stacks.config import EnvironmentConfig
from stacks.metric_gate import MetricGate
from stacks.pipeline import Pipeline
from tidelake.contract.errors import ConfigurationError


def main() -> int:
    """Synthesise the chosen environment; exit status 2 where its configuration is refused."""
    app = cdk.App()
    try:
        config = EnvironmentConfig.from_context(app.node)
    except ConfigurationError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    Pipeline.build(app, config)
    cdk.Validations.of(app).add_plugins(MetricGate())
    app.synth()
    return 0


if __name__ == "__main__":
    sys.exit(main())
