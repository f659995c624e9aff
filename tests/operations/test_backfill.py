"""Raw objects are taken in by one step, which is followed to its end, and what became of them."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from typing import Any

import boto3
import pytest
from moto import mock_aws
from rich.console import Console

from tests.lambda_src.fake_emr import FakeEmr
from tidelake.cli import main
from tidelake.contract.deployment import Output
from tidelake.contract.errors import ConfigurationError, PipelineError
from tidelake.lake.ledger import LedgerEntry
from tidelake.operations.backfill import RawFolder, backfill, outcome_lines
from tidelake.operations.job_step import Days, JobCluster

NAME = "dev/backfill-2026-11-22-2026-11-24"
DAYS = Days(first=date(2026, 11, 22), end=date(2026, 11, 24))
OUTPUTS = {
    Output.DATABASE: "streaming_db",
    Output.LAKE_BUCKET: "lake",
    Output.SHARED_CODE_URL: "s3://assets/shared.zip",
    Output.BACKFILL_URL: "s3://assets/backfill.py",
}
SUBMIT = "spark-submit --py-files s3://assets/shared.zip s3://assets/backfill.py"
OWN_DAYS = RawFolder.of(None, DAYS, OUTPUTS)


@pytest.fixture
def s3() -> Iterator[Any]:
    """A lake with objects of three days, and a bucket of old files."""
    with mock_aws():
        client = boto3.client("s3", region_name="us-east-1")
        for bucket, keys in {
            "lake": [f"streaming-data/year=2026/month=11/day={n}/hour=10/a" for n in (22, 23, 24)],
            "old-files": ["2019/a.parquet", "2019/12/b.parquet", "2020/c.parquet", "2019/_SUCCESS"],
        }.items():
            client.create_bucket(Bucket=bucket)
            for key in keys:
                client.put_object(Bucket=bucket, Key=key, Body=b"PAR1")
        client.put_object(Bucket="old-files", Key="2019/empty.parquet", Body=b"")
        yield client


def ended(state: str, folder: RawFolder = OWN_DAYS, *, again: bool = False) -> FakeEmr:
    """What EMR has after a backfill whose step ended like that."""
    emr = FakeEmr()
    cluster_id: str = emr.run_job_flow(Name="lake")["JobFlowId"]

    def end(_seconds: float) -> None:
        details = {} if state == "COMPLETED" else {"Reason": "no memory", "LogFile": "s3://l/1"}
        emr.end_step(emr.names()[-1], state, **details)

    cluster = JobCluster(emr=emr, outputs=OUTPUTS, cluster_id=cluster_id, sleep=end)
    backfill(cluster, Console(quiet=True), "dev", folder, again=again)
    return emr


def arguments(emr: FakeEmr) -> list[str]:
    (cluster,) = emr.clusters.values()
    found: list[str] = cluster["Steps"][0]["HadoopJarStep"]["Args"]
    return found


@pytest.mark.parametrize(("again", "added"), [(False, []), (True, ["--again"])])
def test_days_of_arrival_are_one_step_of_the_backfill_job(again: bool, added: list[str]) -> None:
    emr = ended("COMPLETED", again=again)
    assert emr.names() == [NAME]
    text = f"{SUBMIT} --database streaming_db --raw s3://lake/streaming-data/"
    assert arguments(emr) == [*f"{text} --from 2026-11-22 --to 2026-11-24".split(), *added]


def test_a_folder_of_old_files_is_one_step_without_days() -> None:
    emr = ended("COMPLETED", RawFolder.of("s3://old-files/2019", None, OUTPUTS))
    assert emr.names() == ["dev/backfill-old-files"]
    assert arguments(emr)[-2:] == ["--raw", "s3://old-files/2019/"]


def test_a_step_that_fails_is_told_with_its_reason_and_its_log() -> None:
    with pytest.raises(PipelineError, match="is FAILED: no memory; its log: s3://l/1"):
        ended("FAILED")


def test_an_environment_without_a_cluster_of_its_own_asks_for_one() -> None:
    with pytest.raises(ConfigurationError, match="--cluster"):
        JobCluster.find(FakeEmr(), OUTPUTS, None)


def test_a_cluster_that_is_not_there_is_refused() -> None:
    cluster = JobCluster(emr=FakeEmr(), outputs=OUTPUTS, cluster_id="j-NONE")
    with pytest.raises(ConfigurationError, match="--cluster = 'j-NONE' is not allowed"):
        backfill(cluster, Console(quiet=True), "dev", OWN_DAYS)


def test_objects_of_the_days_are_found_and_no_others(s3: Any) -> None:
    folder = "s3://lake/streaming-data/year=2026/month=11"
    assert OWN_DAYS.objects(s3) == [f"{folder}/day=22/hour=10/a", f"{folder}/day=23/hour=10/a"]


def test_objects_below_a_folder_are_found_as_the_job_finds_them(s3: Any) -> None:
    assert RawFolder.of("s3://old-files/2019", None, OUTPUTS).objects(s3) == [
        "s3://old-files/2019/12/b.parquet",
        "s3://old-files/2019/a.parquet",
    ]
    assert len(RawFolder.of("s3://old-files", None, OUTPUTS).objects(s3)) == 3


@pytest.mark.parametrize(
    ("uri", "days", "said"),
    [
        (None, Days(first=date(2019, 1, 1), end=date(2019, 1, 2)),
         "--from and --to = '2019-01-01 to 2019-01-02' is not allowed; allowed: days with raw "
         "objects; s3://lake/streaming-data/ has none of these"),
        ("s3://old-files/2018/", None,
         "--raw = 's3://old-files/2018/' is not allowed; allowed: a folder with raw objects"),
        ("s3://no-such-bucket/", None,
         "--raw = 's3://no-such-bucket/' is not allowed; allowed: a bucket that can be listed "
         "(NoSuchBucket)"),
    ],
)  # fmt: skip
def test_where_there_is_nothing_to_take_no_step_is_submitted(
    s3: Any, uri: str | None, days: Days | None, said: str
) -> None:
    with pytest.raises(ConfigurationError) as refused:
        RawFolder.of(uri, days, OUTPUTS).objects(s3)
    assert str(refused.value) == said


@pytest.mark.parametrize("uri", ["old-files/2019", "https://old-files/2019", "s3://", "s3://A/b"])
def test_what_is_no_folder_on_s3_is_refused(uri: str) -> None:
    with pytest.raises(ConfigurationError, match=r"--raw = .* allowed: a folder such as s3://"):
        RawFolder.of(uri, None, OUTPUTS)


def test_no_day_at_all_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="--to = '2026-11-22' is not allowed"):
        Days(first=date(2026, 11, 22), end=date(2026, 11, 22))
    with pytest.raises(ConfigurationError, match=r"--to = None .* given together"):
        Days.between(date(2026, 11, 22), None)
    with pytest.raises(ConfigurationError, match="--from = None is not allowed"):
        RawFolder.of(None, Days.between(None, None), OUTPUTS)


@pytest.mark.parametrize("text", ["yesterday", "2026-13-01", "20261122", "2026-W47", ""])
@pytest.mark.parametrize("command", ["backfill", "aggregate"])
def test_a_day_that_is_none_is_refused_in_one_line(
    command: str, text: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit, match="2"):
        main([command, "--from", text, "--to", "2026-11-23"])
    assert capsys.readouterr().err == (
        f"tidelake: argument --from: {text!r} is not allowed; allowed: a day such as 2026-11-22; "
        f"see tidelake {command} --help\n"
    )


def entry(*, is_read: bool = True, events: int = 0, duplicates: int = 0) -> LedgerEntry:
    return LedgerEntry(
        hour=None,
        is_read=is_read,
        read=events + duplicates,
        events=events,
        duplicates=duplicates,
        quarantined=0,
    )


def test_the_outcome_is_what_the_ledger_has_of_the_objects() -> None:
    found = [entry(events=1_000, duplicates=2), entry(events=5), entry(is_read=False)]
    assert outcome_lines(found, missing=1) == [
        "2 objects in the ledger: 1,007 rows = 1,005 events + 2 duplicates + 0 quarantined",
        "1 object cannot be read: see the table `ledger`",
        "1 object not in the ledger",
    ]
