"""The transformation on the local AWS: deployed by its option, and called for real."""

from __future__ import annotations

import base64
import gzip
import io
import json
import time
from pathlib import Path
from typing import Any

import pyarrow.parquet
import pytest

from tests.conftest import LocalAwsUnderTest
from tests.infra.conftest import JsonObject
from tests.infra.deployment import Deployments, silent
from tests.lambda_src.delivery_transform.events import REQUEST
from tidelake.contract.deployment import Output

ENVIRONMENT = "checked"
CHECKED: JsonObject = {
    "stream": {"shards": 1},
    "delivery": {
        "buffer_seconds": 1,
        "buffer_mib": 64,
        "source_backup_days": 1,
        "transform": True,
        "transform_retries": 1,
    },
    "lake": {"database_name": "checked_db"},
    "network": {"interface_endpoints": []},
}


def output_of(aws: LocalAwsUnderTest, output: Output) -> str:
    stack = output.stack.stack_name(ENVIRONMENT)
    described = aws.client("cloudformation").describe_stacks(StackName=stack)
    values = {
        entry["OutputKey"]: entry["OutputValue"] for entry in described["Stacks"][0]["Outputs"]
    }
    value: str = values[output.key]
    return value


class Lake:
    """The lake bucket of the deployment."""

    def __init__(self, aws: LocalAwsUnderTest) -> None:
        self._bucket = output_of(aws, Output.LAKE_BUCKET)
        self._s3: Any = aws.client("s3")

    def objects(self, prefix: str) -> list[bytes]:
        listing = self._s3.list_objects_v2(Bucket=self._bucket, Prefix=prefix)
        return [
            self._s3.get_object(Bucket=self._bucket, Key=entry["Key"])["Body"].read()
            for entry in listing.get("Contents", [])
        ]

    def wait_for(self, *prefixes: str, seconds: float = 30) -> None:
        deadline = time.monotonic() + seconds
        while not all(self.objects(prefix) for prefix in prefixes):
            assert time.monotonic() < deadline, f"not within {seconds} s"
            time.sleep(0.2)


@pytest.mark.slow
def test_records_are_held_to_the_contract_on_their_way_to_the_lake(
    local_aws: LocalAwsUnderTest, tmp_path: Path
) -> None:
    cdk = Deployments(local_aws.endpoint, tmp_path).deploy(ENVIRONMENT, CHECKED)
    fitting = json.dumps(REQUEST).encode()
    mended = json.dumps({**REQUEST, "event_id": "mended", "status": "404"}).encode()
    misfit = json.dumps({**REQUEST, "event_id": "misfit", "status": 99}).encode()
    records = (fitting, mended, misfit, b"\n")

    local_aws.client("kinesis").put_records(
        StreamName=output_of(local_aws, Output.STREAM),
        Records=[{"Data": data, "PartitionKey": "any"} for data in records],
    )
    lake = Lake(local_aws)
    lake.wait_for("streaming-data/", "streaming-errors/", "source-records/")

    [delivered] = lake.objects("streaming-data/")
    rows = pyarrow.parquet.read_table(io.BytesIO(delivered), columns=["event_id", "status"])
    assert rows.to_pylist() == [
        {"event_id": REQUEST["event_id"], "status": 200},
        {"event_id": "mended", "status": 404},
    ]
    [aside] = lake.objects("streaming-errors/processing-failed/")
    [line] = [json.loads(line) for line in aside.splitlines()]
    assert (line["errorCode"], line["attemptsMade"]) == ("Lambda.ProcessingFailedStatus", 1)
    assert base64.b64decode(line["rawData"]) == misfit
    [kept] = lake.objects("source-records/")
    assert gzip.decompress(kept) == b"".join(records)
    cdk.destroy(silent)
