"""What each deployed function is told by its stack: written and read through one class."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from enum import StrEnum
from typing import Self

from tidelake.contract.errors import ConfigurationError

ENVIRONMENT_VARIABLE = "TIDELAKE_ENVIRONMENT"
"""Of each function that publishes metrics: the environment that they are of."""


@dataclass(frozen=True, kw_only=True)
class FunctionSettings:
    """Settings of one function, each in an environment variable of its own."""

    def to_env(self) -> dict[str, str]:
        """The environment variables that `from_env` reads."""
        return {_env_key(name): value for name, value in asdict(self).items()}

    @classmethod
    def from_env(cls, environ: Mapping[str, str]) -> Self:
        """Read the settings; a missing variable raises ConfigurationError."""
        values = {}
        for field in fields(cls):
            key = _env_key(field.name)
            if key not in environ:
                raise ConfigurationError(key, None, "a value written by the stack")
            values[field.name] = environ[key]
        return cls(**values)


@dataclass(frozen=True, kw_only=True)
class StepTriggerSettings(FunctionSettings):
    """Settings of the function that turns new raw objects into Spark steps."""

    environment: str
    cluster_id: str
    lake_bucket: str
    """Where raw objects come from and manifests go; objects of other buckets are none."""
    job_uri: str
    """`s3://` URI of the Spark job."""
    py_files_uri: str
    """`s3://` URI of the zip with the code that the jobs share."""
    database: str
    """Glue database of the tables."""


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
