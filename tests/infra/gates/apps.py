"""One synthesis that every gate looks at."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import aws_cdk as cdk

from stacks.config import EnvironmentConfig
from stacks.pipeline import Pipeline
from stacks.template_references import Document
from tests.infra.conftest import JsonObject, cdk_context


@dataclass(frozen=True)
class SynthesizedApp:
    """The app, its templates by the names of their stacks, and the folder with their files."""

    app: cdk.App
    folder: Path
    documents: Mapping[str, Document]

    def templates(self) -> list[Path]:
        return sorted(self.folder.glob("*.template.json"))


def build(
    folder: Path,
    *,
    environment: str = "dev",
    values: JsonObject | None = None,
    plant: Callable[[Pipeline], object] | None = None,
) -> SynthesizedApp:
    """Synthesise an environment of `cdk.json`, or other `values` for it, and what is planted."""
    context = cdk_context()
    if values is not None:
        context["environments"][environment] = values
    app = cdk.App(
        outdir=str(folder),
        context={**context, "environment": environment},
        analytics_reporting=False,
    )
    pipeline = Pipeline.build(app, EnvironmentConfig.from_context(app.node))
    if plant is not None:
        plant(pipeline)
    # References between stacks are settled by the synthesis.
    assembly = app.synth()
    documents = {stack.stack_name: stack.template for stack in assembly.stacks}
    return SynthesizedApp(app, folder, documents)


def construct_paths(metadata: Path) -> dict[str, str]:
    """Logical id -> path below the stack, from the metadata file of one synthesised stack."""
    entries = json.loads(metadata.read_text())
    return {
        entry["data"]: path.split("/", 2)[2]
        for path, listed in entries.items()
        for entry in listed
        if entry["type"] == "aws:cdk:logicalId"
    }
