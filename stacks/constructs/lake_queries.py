"""How people ask the lake: an Athena workgroup, and queries to start from."""

from __future__ import annotations

from aws_cdk import aws_athena as athena
from constructs import Construct

from stacks.constructs.data_lake import DataLake
from tidelake.contract import lake as layout

_BYTES_PER_MIB = 1024 * 1024


class LakeQueries(Construct):
    """A workgroup whose queries are encrypted, limited and expire, and its saved queries.

    A query that would scan more than the limit is cancelled. Whoever asks brings the permissions:
    the workgroup grants none. It always goes with its stack: it holds no data, and its fixed name
    would be in the way of the next deployment.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        workgroup: str,
        scan_limit_mib: int,
        lake: DataLake,
    ) -> None:
        super().__init__(scope, construct_id)
        group = athena.CfnWorkGroup(
            self,
            "WorkGroup",
            name=workgroup,
            description="tidelake: queries of the lake, with encrypted results",
            # Otherwise the history of its queries keeps a workgroup from being deleted.
            recursive_delete_option=True,
            work_group_configuration=athena.CfnWorkGroup.WorkGroupConfigurationProperty(
                enforce_work_group_configuration=True,
                publish_cloud_watch_metrics_enabled=True,
                bytes_scanned_cutoff_per_query=scan_limit_mib * _BYTES_PER_MIB,
                result_configuration=athena.CfnWorkGroup.ResultConfigurationProperty(
                    output_location=lake.bucket.s3_url_for_object(layout.QUERY_RESULT_PREFIX),
                    encryption_configuration=athena.CfnWorkGroup.EncryptionConfigurationProperty(
                        encryption_option="SSE_KMS", kms_key=lake.key.key_arn
                    ),
                ),
            ),
        )
        for name, (description, text) in saved_queries(
            lake.catalog.database_name, lake.catalog.raw_table_name
        ).items():
            query = athena.CfnNamedQuery(
                self,
                name,
                name=name,
                description=description,
                database=lake.catalog.database_name,
                work_group=workgroup,
                query_string=text,
            )
            query.add_resource_dependency(group)


def saved_queries(database: str, raw_table: str) -> dict[str, tuple[str, str]]:
    """Description and text of each saved query, by its name."""
    # Constants on the right keep Athena from listing every projected partition.
    today = " AND ".join(
        f"{column} = substr(cast(current_date AS varchar), {start}, {length})"
        for column, start, length in (("year", 1, 4), ("month", 6, 2), ("day", 9, 2))
    )
    return {
        "RawEventsToday": (
            "Events that arrived today (UTC), by source and type; duplicates possible.",
            f"SELECT source, event_type, count(*) AS events\n"
            f"FROM {database}.{raw_table}\nWHERE {today}\n"
            "GROUP BY source, event_type\nORDER BY events DESC",
        ),
        "RequestsByStatus": (
            "Web requests and bytes of each hour, by status.",
            "SELECT hour, status, sum(events) AS requests, sum(total) AS response_bytes\n"
            f"FROM {database}.{layout.HOURLY_TABLE}\nWHERE source = 'web_log'\n"
            "GROUP BY hour, status\nORDER BY hour DESC, status\nLIMIT 100",
        ),
        "QuarantinedEvents": (
            "Why events were set aside, the most frequent reason first.",
            "SELECT reason, count(*) AS events\n"
            f"FROM {database}.{layout.QUARANTINE_TABLE}\n"
            "GROUP BY reason\nORDER BY events DESC",
        ),
        "LatestBatches": (
            "What the latest batches read, kept, found twice and set aside.",
            "SELECT batch_id, max(committed_at) AS committed_at, count(*) AS objects,\n"
            "  sum(read) AS read, sum(events) AS events, sum(duplicates) AS duplicates,\n"
            "  sum(quarantined) AS quarantined\n"
            f"FROM {database}.{layout.LEDGER_TABLE}\n"
            "GROUP BY batch_id\nORDER BY committed_at DESC\nLIMIT 100",
        ),
        "UnreadableObjects": (
            "Raw objects that could not be read as a whole, the latest first.",
            "SELECT committed_at, raw_object, reason\n"
            f"FROM {database}.{layout.LEDGER_TABLE}\nWHERE status = 'unreadable'\n"
            "ORDER BY committed_at DESC\nLIMIT 100",
        ),
    }
