"""What each deployed function is told by its stack: written and read through one class."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from enum import StrEnum
from typing import Any, Self, get_type_hints

from tidelake.contract.errors import ConfigurationError

ENVIRONMENT_VARIABLE = "TIDELAKE_ENVIRONMENT"
"""Of each function that publishes metrics: the environment that they are of."""


@dataclass(frozen=True, kw_only=True)
class FunctionSettings:
    """Settings of one function, each in an environment variable of its own.

    They are texts and whole numbers.
    """

    def to_env(self) -> dict[str, str]:
        """The environment variables that `from_env` reads."""
        return {_env_key(name): str(value) for name, value in asdict(self).items()}

    @classmethod
    def from_env(cls, environ: Mapping[str, str]) -> Self:
        """Read the settings; a variable that is missing or no number raises ConfigurationError."""
        kinds = get_type_hints(cls)
        values: dict[str, Any] = {}
        for field in fields(cls):
            key = _env_key(field.name)
            if key not in environ:
                raise ConfigurationError(key, None, "a value written by the stack")
            values[field.name] = _parsed(key, environ[key], kinds[field.name])
        return cls(**values)


@dataclass(frozen=True, kw_only=True)
class StepTriggerSettings(FunctionSettings):
    """Settings of the function that turns new raw objects into Spark steps."""

    environment: str
    lake_bucket: str
    """Where raw objects come from and manifests go; objects of other buckets are none."""
    batches_table: str
    """DynamoDB table of claims and batches."""
    queue_url: str
    dead_letters_url: str
    """Queue of what is no message that this function knows."""
    cluster_id: str
    """The persistent cluster; empty where clusters are launched on demand."""
    cluster_name: str
    """Name of the clusters of this environment."""
    launch_parameter: str
    """Parameter with the RunJobFlow request of a cluster on demand; empty for a persistent one."""
    job_uri: str
    """`s3://` URI of the Spark job that curates."""
    maintain_uri: str
    """`s3://` URI of the Spark job that maintains the tables."""
    py_files_uri: str
    """`s3://` URI of the zip with the code that the jobs share."""
    database: str
    """Glue database of the tables."""
    target_file_mib: int
    snapshot_days: int
    orphan_hours: int
    """What the maintenance makes of small files, old snapshots and orphans."""
    lease_seconds: int
    """For how long an invocation owns what it took; longer than its own time limit."""
    claim_days: int
    """For how long a claim of an object is kept."""
    most_active_steps: int
    """Active steps of the cluster from which on new work stays queued."""
    longest_deferral_seconds: int


@dataclass(frozen=True, kw_only=True)
class StepOutcomeSettings(FunctionSettings):
    """Settings of the functions that follow batches to their end: on events, and on a schedule."""

    environment: str
    lake_bucket: str
    batches_table: str
    queue_url: str
    """The trigger's queue, through which a batch is tried again."""
    dead_letters_url: str
    """Where a batch goes that was given up on."""
    cluster_name: str
    most_failures: int
    """Failed attempts after which a batch is split or set aside."""
    retry_seconds: int
    """How long after its first failure a batch is tried again; doubled each time."""
    claim_days: int


@dataclass(frozen=True, kw_only=True)
class SweepSettings(StepOutcomeSettings):
    """Settings of the function that looks for what the events did not tell."""

    look_back_hours: int
    """How far back raw objects are compared with the claims; shorter than claims are kept."""
    forgotten_minutes: int
    """Age from which on a raw object without a claim counts as forgotten."""
    overdue_minutes: int
    """Time without a change after which an unfinished batch counts as overdue."""


class Misfits(StrEnum):
    """What may become of a record that breaks the contract."""

    SET_ASIDE = "set_aside"
    DROP = "drop"


@dataclass(frozen=True, kw_only=True)
class DeliveryTransformSettings(FunctionSettings):
    """Settings of the function that holds records to the contract on their way to the lake."""

    environment: str
    misfits: str
    """What becomes of a record that breaks the contract: a value of `Misfits`."""


@dataclass(frozen=True, kw_only=True)
class StreamCounterSettings(FunctionSettings):
    """Settings of the function that counts the events of the data stream."""

    environment: str


def _env_key(name: str) -> str:
    return f"TIDELAKE_{name.upper()}"


def _parsed(key: str, text: str, kind: type) -> str | int:
    if kind is not int:
        return text
    if not text.isdecimal():
        raise ConfigurationError(key, text, "a whole number written by the stack")
    return int(text)
