"""What may be configured of the EMR cluster: its release, its nodes, and what it protects."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from stacks.emr_releases import REFUSED_RELEASES, RELEASES
from stacks.options import option

_INSTANCE_TYPE = r"[a-z0-9-]+\.(\d+)?xlarge"
_INSTANCE_TYPE_TEXT = "an instance type of size xlarge or larger, such as m5.xlarge"


@dataclass(frozen=True, kw_only=True)
class ClusterConfig:
    """The EMR cluster that runs the Spark steps."""

    mode: str = option(
        "persistent",
        "A cluster that is always there, or one that the trigger launches when work comes and "
        "that ends itself when it is idle.",
        choices=("persistent", "on_demand"),
    )
    idle_minutes: int = option(
        15,
        "Idle time after which a cluster on demand ends itself.",
        minimum=1,
        maximum=10_080,
    )
    release_label: str = option(
        "emr-7.13.0",
        "EMR release; its Spark, Python and applications are pinned with it. Experimental: "
        + ", ".join(label for label, release in RELEASES.items() if release.experimental)
        + ".",
        pattern=r"emr-(spark-)?\d+\.\d+\.\d+",
        pattern_text="a release of EMR that the job is known to run on, such as emr-7.13.0",
    )
    primary_instance_type: str = option(
        "m5.xlarge",
        "Instance type of the primary node; EMR 7 offers none below xlarge.",
        pattern=_INSTANCE_TYPE,
        pattern_text=_INSTANCE_TYPE_TEXT,
    )
    core_instance_type: str = option(
        "m5.xlarge",
        "Instance type of the core nodes, which hold shuffle data and stay on demand.",
        pattern=_INSTANCE_TYPE,
        pattern_text=_INSTANCE_TYPE_TEXT,
    )
    core_instances: int = option(
        2, "Core nodes at the start, and the fewest under scaling.", minimum=1, maximum=1_000
    )
    task_instances: int = option(
        0,
        "Task nodes at the start, on spot: they hold no data, so that losing one costs time alone.",
        minimum=0,
        maximum=1_000,
    )
    task_instance_types: tuple[str, ...] = option(
        ("m5.xlarge",),
        "Instance types of the task nodes; groups use the first, fleets choose by price and "
        "capacity, and fall back to on-demand.",
        pattern=_INSTANCE_TYPE,
        pattern_text=_INSTANCE_TYPE_TEXT,
    )
    capacity: str = option(
        "groups",
        "Instance groups, or instance fleets, which choose subnet and types when they start.",
        choices=("groups", "fleets"),
    )
    maximum_instances: int = option(
        2,
        "Most core and task nodes under scaling; equal to those at the start, no scaling.",
        minimum=1,
        maximum=1_000,
    )
    scaling: str = option(
        "managed",
        "EMR's managed scaling, or own rules on free YARN memory, which need instance groups.",
        choices=("managed", "yarn_memory"),
    )
    certificates_uri: str = option(
        "",
        "Zip of PEM certificates on S3 that encrypts traffic between nodes; empty for none.",
        pattern=r"(s3://[a-z0-9.-]{3,63}/\S+\.zip)?",
        pattern_text="empty, or an S3 URI such as s3://my-bucket/certificates.zip",
    )
    volume_gib: int = option(
        64, "Size of each node's data volume (gp3).", minimum=10, maximum=16_384
    )
    step_concurrency: int = option(
        1, "Steps that run at once (StepConcurrencyLevel).", minimum=1, maximum=256
    )
    termination_protection: bool = option(False, "Whether the cluster refuses to be terminated.")

    @property
    def on_demand(self) -> bool:
        return self.mode == "on_demand"

    @property
    def fewest_instances(self) -> int:
        """Core and task nodes at the start."""
        return self.core_instances + self.task_instances

    @property
    def scales(self) -> bool:
        return self.maximum_instances > self.fewest_instances

    @property
    def scales_by_memory(self) -> bool:
        """Whether own rules add and remove nodes."""
        return self.scales and self.scaling == "yarn_memory"

    def problems(self) -> Iterator[tuple[str, object, str]]:
        if self.release_label not in RELEASES:
            refused = "; ".join(f"{label} {why}" for label, why in REFUSED_RELEASES.items())
            yield "release_label", self.release_label, f"one of {', '.join(RELEASES)} ({refused})"
        if self.maximum_instances < self.fewest_instances:
            least = f"core_instances and task_instances ({self.fewest_instances}) or more"
            yield "maximum_instances", self.maximum_instances, least
        if not self.task_instance_types:
            yield "task_instance_types", [], "one type or more"
        if self.capacity == "fleets" and self.scaling == "yarn_memory":
            yield "scaling", self.scaling, "managed where capacity is fleets"
        if self.on_demand and self.scaling == "yarn_memory":
            yield "scaling", self.scaling, "managed where mode is on_demand"
        if self.on_demand and self.termination_protection:
            yield "termination_protection", True, "false where mode is on_demand: it ends itself"
