"""What the shipped zips hold, and what changes them."""

from __future__ import annotations

import shutil
from pathlib import Path

import aws_cdk as cdk
import pytest
from aws_cdk import aws_s3_assets as assets

from stacks.constructs import project_code
from tests.infra.conftest import PROJECT

_IGNORED = shutil.ignore_patterns(".*", "node_modules", "cdk.out", "build", "__pycache__")


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the project, which assets are taken from."""
    copy = tmp_path / "project"
    for name in ("tidelake", "lambda_src", "spark_jobs", "docs"):
        shutil.copytree(PROJECT / name, copy / name, ignore=_IGNORED)
    monkeypatch.setattr(project_code, "_PROJECT", copy)
    return copy


def shared_code_hash() -> str:
    asset: assets.Asset = project_code.spark_shared_code(cdk.Stack(), "Code")
    return asset.asset_hash


def files_in(asset: assets.Asset, app: cdk.App) -> set[str]:
    folder = Path(app.outdir) / asset.asset_path
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}


def test_function_zip_holds_the_packages_that_it_names_and_the_contract_alone(
    project: Path, tmp_path: Path
) -> None:
    app = cdk.App(outdir=str(tmp_path / "out"))
    stack = cdk.Stack(app, "Stack")
    (project / "lambda_src" / "step_trigger" / "handler.pyc").touch()
    (project / "lambda_src" / "another").mkdir()
    (project / "lambda_src" / "another" / "handler.py").touch()
    project_code.function_code("step_trigger", "batches").bind(stack)
    code = stack.node.find_child("Code")
    assert isinstance(code, assets.Asset)
    contract = {
        f"tidelake/contract/{path.name}" for path in (PROJECT / "tidelake/contract").glob("*.py")
    }
    package = {
        f"lambda_src/{name}/{path.name}"
        for name in ("step_trigger", "batches")
        for path in (PROJECT / "lambda_src" / name).glob("*.py")
    }
    assert files_in(code, app) == {
        "tidelake/__init__.py",
        "lambda_src/__init__.py",
        "lambda_src/telemetry.py",
        *contract,
        *package,
    }


@pytest.mark.usefixtures("project")
def test_shared_spark_code_holds_the_contract_and_the_jobs(tmp_path: Path) -> None:
    app = cdk.App(outdir=str(tmp_path / "out"))
    code = project_code.spark_shared_code(cdk.Stack(app, "Stack"), "Code")
    files = files_in(code, app)
    assert {"tidelake/__init__.py", "tidelake/contract/lake.py", "spark_jobs/curate.py"} <= files
    assert {name.split("/")[0] for name in files} == {"tidelake", "spark_jobs"}
    assert {name.split("/")[1] for name in files if name.startswith("tidelake/")} == {
        "__init__.py",
        "contract",
    }


@pytest.mark.parametrize(
    "unrelated",
    [
        "README.md",
        "docs/new.md",
        "lambda_src/step_trigger/handler.py",
        "tidelake/client/new.py",
        "spark_jobs/__pycache__/curate.cpython-311.pyc",
        ".venv/lib/tidelake/contract/lake.py",
        "node_modules/spark_jobs/curate.py",
    ],
)
def test_an_unrelated_edit_leaves_the_hash_alone(project: Path, unrelated: str) -> None:
    before = shared_code_hash()
    path = project / unrelated
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("edited")
    assert shared_code_hash() == before


@pytest.mark.parametrize("related", ["tidelake/contract/lake.py", "spark_jobs/curate.py"])
def test_an_edit_of_shipped_code_changes_the_hash(project: Path, related: str) -> None:
    before = shared_code_hash()
    path = project / related
    path.write_text(path.read_text() + "\n")
    assert shared_code_hash() != before
