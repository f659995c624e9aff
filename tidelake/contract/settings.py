"""What each deployed function is told by its stack: written and read through one class."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields

from tidelake.contract.errors import ConfigurationError


@dataclass(frozen=True, kw_only=True)
class StepTriggerSettings:
    """Settings of the function that turns new raw objects into Spark steps."""

    cluster_id: str
    lake_bucket: str
    """Where raw objects come from and manifests go; objects of other buckets are none."""
    job_uri: str
    """`s3://` URI of the Spark job."""
    py_files_uri: str
    """`s3://` URI of the zip with the code that the jobs share."""
    database: str
    """Glue database of the tables."""

    def to_env(self) -> dict[str, str]:
        """The environment variables that `from_env` reads."""
        return {_env_key(name): value for name, value in asdict(self).items()}

    @classmethod
    def from_env(cls, environ: Mapping[str, str]) -> StepTriggerSettings:
        """Read the settings; a missing variable raises ConfigurationError."""
        values = {}
        for field in fields(cls):
            key = _env_key(field.name)
            if key not in environ:
                raise ConfigurationError(key, None, "a value written by the stack")
            values[field.name] = environ[key]
        return cls(**values)


def _env_key(name: str) -> str:
    return f"TIDELAKE_{name.upper()}"
