"""The CDK CLI, as `package-lock.json` pins it, in `node_modules/`."""

from __future__ import annotations

import json
import os
from pathlib import Path

from tidelake.contract.errors import ToolchainError
from tidelake.local.toolchain_install import Installer
from tidelake.local.toolchain_runtimes import Node
from tidelake.local.toolchain_trust import write_ca_bundle


def cdk_entry(project_dir: Path) -> Path:
    """The script that Node runs as the CDK CLI."""
    return project_dir / "node_modules" / "aws-cdk" / "bin" / "cdk"


def install_cdk(installer: Installer, node: Node) -> None:
    """Install the pinned CDK CLI with `npm ci`, unless it already is."""
    project_dir = installer.project_dir
    if _installed_as_locked(project_dir):
        return
    env = dict(installer.environ)
    env["PATH"] = os.pathsep.join([str(node.executable.parent), env.get("PATH", os.defpath)])
    # Node trusts its own list of authorities; Python's may have a company's on top.
    bundle = write_ca_bundle(project_dir / ".tidelake" / "ca-bundle.pem", installer.environ)
    env.setdefault("NODE_EXTRA_CA_CERTS", str(bundle))
    installer.run("installing the CDK CLI with npm", [*node.npm, "ci"], env)
    if not _installed_as_locked(project_dir):
        raise ToolchainError("`npm ci` ended well, but node_modules is not as package-lock.json")


def _installed_as_locked(project_dir: Path) -> bool:
    """Whether npm finished installing what the lock names: it writes its own lock file last."""
    try:
        locked = json.loads((project_dir / "package-lock.json").read_text())["packages"]
    except FileNotFoundError:
        raise ToolchainError(
            f"{project_dir} has no package-lock.json; run this in a checkout of the project"
        ) from None
    try:
        hidden = project_dir / "node_modules" / ".package-lock.json"
        installed = json.loads(hidden.read_text())["packages"]
    except (OSError, ValueError, KeyError):
        return False
    return cdk_entry(project_dir).is_file() and all(
        installed.get(path, {}).get("integrity") == package["integrity"]
        for path, package in locked.items()
        if path
    )
