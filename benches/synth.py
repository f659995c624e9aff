"""`app.py` for `dev` against an app of three empty stacks: whole processes, validation on."""

from __future__ import annotations

import json
import os
import sys
import tempfile
from pathlib import Path

from benches.harness import Sample, Target, interleaved, report, timed_process

PROJECT = Path(__file__).resolve().parents[1]
ROUNDS = 5
MOST = 2.5

# The validation refuses a stack without any resource; a handle is one that does nothing.
EMPTY_APP = """
import aws_cdk as cdk
app = cdk.App()
for name in ("one", "two", "three"):
    cdk.CfnWaitConditionHandle(cdk.Stack(app, name), "Nothing")
app.synth()
"""


def main() -> int:
    """Measure, report, and return the exit status."""
    with tempfile.TemporaryDirectory() as folder:
        medians = interleaved(
            {
                "app.py, dev": lambda: _synth(["app.py"], Path(folder) / "dev"),
                "three empty stacks": lambda: _synth(["-c", EMPTY_APP], Path(folder) / "empty"),
            },
            rounds=ROUNDS,
        )
    ours, empty = medians["app.py, dev"], medians["three empty stacks"]
    return report(
        "synth",
        [{"app": name, **sample.columns()} for name, sample in medians.items()],
        [Target("CPU of dev / empty", ours.cpu_seconds / empty.cpu_seconds, at_most=MOST)],
    )


def _synth(program: list[str], outdir: Path) -> Sample:
    """One synthesis, started as the CDK CLI starts it."""
    context = json.loads((PROJECT / "cdk.json").read_text())["context"]
    environ = {key: value for key, value in os.environ.items() if not key.startswith("AWS_")}
    environ |= {
        "CDK_CONTEXT_JSON": json.dumps({**context, "environment": "dev"}),
        "CDK_OUTDIR": str(outdir),
        "CDK_VALIDATION": "true",
        "PYTHONPATH": str(PROJECT),
    }
    return timed_process([sys.executable, *program], env=environ)


if __name__ == "__main__":
    sys.exit(main())
