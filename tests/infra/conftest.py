"""The synthesised stacks of every environment, once a session."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

# Read once, as aws_cdk starts its Node process: CDK's own validation of the templates takes
# seconds a synthesis. `test_app.py` runs it, with the app as the CDK CLI would start it.
os.environ["CDK_VALIDATION"] = "false"

import aws_cdk as cdk
from aws_cdk.assertions import Template

from stacks.config import EnvironmentConfig
from stacks.pipeline import Pipeline
from tidelake.contract.deployment import StackRole

PROJECT = Path(__file__).resolve().parents[2]
ENVIRONMENTS = ("local", "dev", "prod")

JsonObject = dict[str, Any]


@dataclass(frozen=True)
class Synthesis:
    """One environment's templates, parsed, and the folder that holds their files."""

    environment: str
    folder: Path
    documents: Mapping[StackRole, JsonObject]
    protected: Mapping[StackRole, bool]

    def template(self, role: StackRole) -> Template:
        return Template.from_json(self.documents[role])

    def files(self) -> list[Path]:
        return sorted(self.folder.glob("*.template.json"))

    def resources(self, resource_type: str) -> list[JsonObject]:
        """Every resource of that type, whichever stack it is in."""
        return [
            resource
            for document in self.documents.values()
            for resource in document["Resources"].values()
            if resource["Type"] == resource_type
        ]


def listed(value: Any) -> list[Any]:
    """A value of a template that may be one or a list of them."""
    return value if isinstance(value, list) else [value]


def cdk_context() -> JsonObject:
    """The context of `cdk.json`, a fresh copy."""
    context: JsonObject = json.loads((PROJECT / "cdk.json").read_text())["context"]
    return context


def synthesize(environment: str, folder: Path, context: JsonObject) -> Synthesis:
    app = cdk.App(
        outdir=str(folder),
        context={**context, "environment": environment},
        analytics_reporting=False,
    )
    Pipeline.build(app, EnvironmentConfig.from_context(app.node))
    assembly = app.synth()
    artifacts = {
        role: assembly.get_stack_by_name(role.stack_name(environment)) for role in StackRole
    }
    return Synthesis(
        environment,
        folder,
        {role: artifact.template for role, artifact in artifacts.items()},
        {role: artifact.termination_protection is True for role, artifact in artifacts.items()},
    )


Configured = Callable[..., Synthesis]


@pytest.fixture
def configured(tmp_path: Path) -> Configured:
    """Synthesises `dev` with sections of its configuration replaced."""

    def build(**sections: Any) -> Synthesis:
        context = cdk_context()
        context["environments"]["dev"].update(sections)
        return synthesize("dev", tmp_path, context)

    return build


@pytest.fixture(scope="session")
def syntheses(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Synthesis]:
    return {
        environment: synthesize(environment, tmp_path_factory.mktemp(environment), cdk_context())
        for environment in ENVIRONMENTS
    }


@pytest.fixture(params=ENVIRONMENTS)
def synthesis(request: pytest.FixtureRequest, syntheses: dict[str, Synthesis]) -> Synthesis:
    """Each environment in turn."""
    environment: str = request.param
    return syntheses[environment]


@pytest.fixture(params=("local", "prod"))
def persistent(request: pytest.FixtureRequest, syntheses: dict[str, Synthesis]) -> Synthesis:
    """Each environment whose cluster is a resource of its stack."""
    environment: str = request.param
    return syntheses[environment]


@pytest.fixture(scope="session")
def dev(syntheses: dict[str, Synthesis]) -> Synthesis:
    return syntheses["dev"]


@pytest.fixture(scope="session")
def prod(syntheses: dict[str, Synthesis]) -> Synthesis:
    return syntheses["prod"]
