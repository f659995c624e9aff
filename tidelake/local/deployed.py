"""One environment as it is deployed, local or on AWS: its outputs, clients, objects and tables."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import boto3
from pyarrow.fs import S3FileSystem
from pyiceberg.catalog.glue import GlueCatalog

from tidelake.client.outputs import read_outputs
from tidelake.contract.deployment import Output
from tidelake.contract.errors import ConfigurationError
from tidelake.contract.lake import CATALOG
from tidelake.lake.files import LakeFiles
from tidelake.lake.tables import CuratedTables
from tidelake.local.endpoint import ACCESS_KEY, SECRET_KEY, local_client
from tidelake.local.settings import REGION
from tidelake.local.target import LOCAL, aws_region, open_target


@dataclass(frozen=True, kw_only=True)
class StoreAccess:
    """How S3 is reached: by whom, where, and at which endpoint if not AWS's own."""

    access_key: str
    secret_key: str
    session_token: str | None
    region: str
    endpoint: str | None

    def file_system(self) -> S3FileSystem:
        return S3FileSystem(
            access_key=self.access_key,
            secret_key=self.secret_key,
            session_token=self.session_token,
            region=self.region,
            endpoint_override=self.endpoint,
        )

    def iceberg_properties(self) -> dict[str, str]:
        """The same for pyiceberg."""
        properties = {
            "s3.access-key-id": self.access_key,
            "s3.secret-access-key": self.secret_key,
            "s3.session-token": self.session_token,
            "s3.region": self.region,
            "s3.endpoint": self.endpoint,
        }
        return {name: value for name, value in properties.items() if value is not None}


@dataclass(frozen=True)
class Deployed:
    """A deployed environment. `client` makes a boto3 client of a service."""

    outputs: Mapping[Output, str]
    client: Callable[[str], Any]
    access: StoreAccess

    @cached_property
    def files(self) -> LakeFiles:
        return LakeFiles(self.access.file_system(), self.outputs[Output.LAKE_BUCKET])

    @cached_property
    def tables(self) -> CuratedTables:
        # A client of ours: the one that pyiceberg makes heeds the shell's profile and proxy.
        catalog = GlueCatalog(
            CATALOG, client=self.client("glue"), **self.access.iceberg_properties()
        )
        return CuratedTables(catalog, self.outputs[Output.DATABASE])


def deployed(environment: str) -> Deployed:
    """Find an environment: `local` is the local AWS of the working directory, any other is on AWS.

    Raises LocalAwsError when no local AWS runs, ConfigurationError when no region or credentials
    are set or nothing is deployed.
    """
    target = open_target(environment)
    if environment == LOCAL:
        return deployed_locally(target.client("s3").meta.endpoint_url)
    return Deployed(
        outputs=read_outputs(target.client("cloudformation"), environment),
        client=target.client,
        access=_aws_access(),
    )


def deployed_locally(endpoint: str) -> Deployed:
    """The environment `local` on the local AWS at `endpoint`."""

    def client(service: str) -> Any:
        return local_client(service, endpoint)

    return Deployed(
        outputs=read_outputs(client("cloudformation"), LOCAL),
        client=client,
        access=local_access(endpoint),
    )


def local_access(endpoint: str) -> StoreAccess:
    """How the local AWS's S3 is reached, whatever the shell says."""
    return StoreAccess(
        access_key=ACCESS_KEY,
        secret_key=SECRET_KEY,
        session_token=None,
        region=REGION,
        endpoint=endpoint,
    )


def _aws_access() -> StoreAccess:
    """Whoever boto3 finds, so that all calls of a command are one caller's."""
    region = aws_region()
    credentials = boto3.session.Session(region_name=region).get_credentials()
    if credentials is None:
        raise ConfigurationError("AWS credentials", None, "a profile or keys that boto3 finds")
    frozen = credentials.get_frozen_credentials()
    return StoreAccess(
        access_key=frozen.access_key,
        secret_key=frozen.secret_key,
        session_token=frozen.token,
        region=region,
        endpoint=None,
    )
