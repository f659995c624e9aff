"""What each option is flipped to, and configurations in which every two flips meet.

A defect of a template seldom takes more than two options; all combinations are 2 to the power of
the number of options, all pairs are some twenty rows (https://pairwise.org).
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any, TypeAlias

from covertable import criteria, make

from stacks.config import EnvironmentConfig
from tidelake.contract.errors import ConfigurationError

Changes: TypeAlias = Mapping[str, Any]
"""Options by their full key, such as `stream.shards`; what is left out has its default."""

# Each row is one thing to vary: its default, or one of these changes. Options stand together where
# one needs the other. Alternatives in one row never meet each other, changes of two rows do.
FLIPS: tuple[tuple[Changes, ...], ...] = (
    ({"retain_data": True},),
    ({"termination_protection": True},),
    ({"stream.mode": "on_demand"}, {"stream.shards": 8}),
    ({"stream.retention_hours": 24},),
    ({"stream.shard_level_metrics": []}, {"stream.shard_level_metrics": ["OutgoingBytes"]}),
    ({"stream.consumers": ["alerts", "replay"]},),
    ({"stream.maximum_record_kib": 10_240, "delivery.enabled": False},),
    ({"stream.endpoint_cidrs": ["10.1.0.0/16", "10.2.0.0/16"]},),
    ({"consumer_function.enabled": True},),
    ({"consumer_function.batch_size": 1_000},),
    ({"consumer_function.batching_window_seconds": 1},),
    ({"consumer_function.parallelization_factor": 4},),
    ({"consumer_function.bisect_on_error": False},),
    ({"consumer_function.retry_attempts": 0},),
    ({"consumer_function.maximum_record_age_seconds": 60},),
    ({"consumer_function.starting_position": "trim_horizon"},),
    ({"consumer_function.timeout_seconds": 30},),
    ({"consumer_function.memory_mib": 512},),
    ({"delivery.transform": True}, {"delivery.transform": True, "delivery.transform_retries": 0}),
    ({"delivery.transform_misfits": "drop"},),
    ({"delivery.transform_buffer_seconds": 0},),
    ({"delivery.transform_buffer_mib": 3},),
    ({"delivery.buffer_seconds": 0},),
    ({"delivery.buffer_mib": 64},),
    ({"delivery.source_backup_days": 14},),
    ({"lake.database_name": "events_db"},),
    ({"lake.raw_table_name": "raw"},),
    ({"lake.first_year": 2026},),
    ({"lake.last_year": 2030},),
    ({"lake.raw_infrequent_access_days": 30},),
    ({"lake.error_expiry_days": 1},),
    ({"lake.manifest_expiry_days": 1},),
    ({"lake.emr_log_expiry_days": 1},),
    ({"lake.old_version_expiry_days": 1},),
    ({"lake.access_log_expiry_days": 1},),
    ({"lake.query_result_expiry_days": 1},),
    ({"lake.query_scan_limit_mib": 100},),
    (
        {
            "network.vpc_id": "vpc-0123456789abcdef0",
            "network.subnet_ids": ["subnet-0123456789abcdef0", "subnet-0123456789abcdef1"],
        },
    ),
    ({"network.cidr": "10.0.0.0/24"},),
    ({"network.availability_zones": 2},),
    (
        {"network.interface_endpoints": ["sts", "ssm", "sqs"]},
        {"network.interface_endpoints": []},
    ),
    ({"network.flow_log_days": 7},),
    ({"cluster.release_label": "emr-spark-8.1.0"},),
    ({"cluster.mode": "on_demand"}, {"cluster.mode": "on_demand", "cluster.idle_minutes": 1}),
    ({"cluster.primary_instance_type": "m6g.2xlarge"},),
    ({"cluster.core_instance_type": "r6g.xlarge"},),
    ({"cluster.core_instances": 1},),
    ({"cluster.task_instances": 2, "cluster.maximum_instances": 12},),
    ({"cluster.task_instance_types": ["m5.xlarge", "m6i.xlarge"]},),
    ({"cluster.capacity": "fleets"},),
    ({"cluster.maximum_instances": 12},),
    ({"cluster.scaling": "yarn_memory"},),
    ({"cluster.certificates_uri": "s3://company-certificates/emr.zip"},),
    ({"cluster.volume_gib": 100},),
    ({"cluster.step_concurrency": 4},),
    ({"cluster.termination_protection": True},),
    (
        {"trigger.batch_size": 10, "trigger.batching_window_seconds": 0},
        {"trigger.batch_size": 10_000},
    ),
    ({"trigger.concurrency": 2},),
    ({"trigger.timeout_seconds": 30},),
    ({"trigger.lease_seconds": 300},),
    ({"trigger.visibility_seconds": 600},),
    ({"trigger.memory_mib": 512},),
    ({"trigger.most_active_steps": 1},),
    ({"trigger.attempts": 900},),
    ({"trigger.longest_deferral_seconds": 3_600},),
    ({"trigger.step_attempts": 1},),
    ({"trigger.retry_seconds": 300},),
    ({"trigger.claim_days": 29},),
    ({"trigger.sweep_minutes": 2},),
    ({"trigger.look_back_hours": 72},),
    ({"trigger.forgotten_minutes": 10},),
    ({"trigger.overdue_minutes": 60},),
    ({"maintenance.schedule": ""}, {"maintenance.schedule": "rate(1 days)"}),
    ({"maintenance.target_file_mib": 512},),
    ({"maintenance.snapshot_days": 1},),
    ({"maintenance.orphan_hours": 24},),
    ({"monitoring.log_retention_days": 400},),
    (
        {"monitoring.alarm_emails": ["ops@example.org"]},
        {"monitoring.alarm_emails": ["ops@example.org"], "monitoring.monthly_budget_usd": 500},
    ),
    ({"monitoring.alarm_urls": ["https://pager.example.org/in"]},),
    ({"monitoring.runbook_url": "https://wiki.example.org/tidelake"},),
    ({"monitoring.iterator_age_alarm_seconds": 60},),
    ({"monitoring.freshness_alarm_seconds": 60},),
    ({"monitoring.queue_age_alarm_seconds": 60},),
    ({"audit.data_events": True},),
    ({"audit.expiry_days": 30},),
    ({"deployment.permissions_boundary": "Company"},),
    ({"deployment.bootstrap_qualifier": "company"},),
    ({"tags.project": "tides"},),
    ({"tags.cost_center": "42"},),
    ({"tags.owner": "data team"},),
)


def flipped_options() -> set[str]:
    """Every option that some row changes."""
    return {key for row in FLIPS for changes in row for key in changes}


def agree(*parts: Changes) -> bool:
    """Whether these changes may be made together, as the configuration itself says."""
    merged: dict[str, Any] = {}
    for key, value in (item for changes in parts for item in changes.items()):
        if merged.setdefault(key, value) != value:
            return False
    try:
        EnvironmentConfig.from_values("dev", {"dev": nested(merged)})
    except ConfigurationError:
        return False
    return True


def nested(changes: Changes) -> dict[str, Any]:
    """The changes as `cdk.json` would have them."""
    values: dict[str, Any] = {}
    for key, value in changes.items():
        *section, name = key.split(".")
        target = values.setdefault(section[0], {}) if section else values
        target[name] = value
    return values


def pairs() -> Iterator[tuple[tuple[int, Changes], tuple[int, Changes]]]:
    """Every two changes of different rows, each with the number of its row."""
    for (one, row), (other, column) in itertools.combinations(enumerate(FLIPS), 2):
        for first, second in itertools.product(row, column):
            yield (one, first), (other, second)


@cache
def configurations() -> dict[str, dict[str, Any]]:
    """Configurations by name; each two changes that agree are together in at least one."""
    clashes = [
        _never_both((one, FLIPS[one].index(first)), (other, FLIPS[other].index(second)))
        for (one, first), (other, second) in pairs()
        if not agree(first, second)
    ]
    # Level -1 is the default.
    levels = [[-1, *range(len(row))] for row in FLIPS]
    rows = make(levels, criterion=criteria.simple, constraints=clashes)
    return {f"pairs {number}": nested(_chosen(row)) for number, row in enumerate(rows, start=1)}


def _never_both(*chosen: tuple[int, int]) -> dict[str, Any]:
    both = [{"operator": "eq", "left": row, "value": level} for row, level in chosen]
    return {"operator": "not", "condition": {"operator": "and", "conditions": both}}


def _chosen(row: list[int]) -> dict[str, Any]:
    return {
        key: value
        for changes, level in zip(FLIPS, row, strict=True)
        if level >= 0
        for key, value in changes[level].items()
    }


def described(name: str) -> str:
    """What a failed test says of an environment or a configuration."""
    values = configurations().get(name)
    return name if values is None else json.dumps(values, indent=1)
