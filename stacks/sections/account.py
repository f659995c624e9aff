"""What an account or a company may demand of every deployment."""

from __future__ import annotations

from dataclasses import dataclass

from stacks.options import option

_TAG_VALUE = r"[\w .:/=+@-]{1,256}"
_TAG_VALUE_TEXT = "1 to 256 letters, digits, spaces and any of _ . : / = + @ -"


@dataclass(frozen=True, kw_only=True)
class DeploymentConfig:
    """What a company may demand of every deployment in its accounts."""

    permissions_boundary: str = option(
        "",
        "Managed policy of the account that bounds every role of the stacks; empty for none.",
        pattern=r"[\w+=,.@-]{0,128}",
        pattern_text="empty, or the name of a policy",
    )
    bootstrap_qualifier: str = option(
        "hnb659fds",
        "Qualifier of the CDK bootstrap stack; the default is that of the CDK itself.",
        pattern=r"[a-z0-9]{1,10}",
        pattern_text="1 to 10 lowercase letters and digits",
    )


@dataclass(frozen=True, kw_only=True)
class TagsConfig:
    """Tags on every resource that can bear them, next to Environment."""

    project: str = option(
        "tidelake", "Tag Project.", pattern=_TAG_VALUE, pattern_text=_TAG_VALUE_TEXT
    )
    cost_center: str = option(
        "unassigned", "Tag CostCenter.", pattern=_TAG_VALUE, pattern_text=_TAG_VALUE_TEXT
    )
    owner: str = option(
        "unassigned", "Tag Owner.", pattern=_TAG_VALUE, pattern_text=_TAG_VALUE_TEXT
    )
