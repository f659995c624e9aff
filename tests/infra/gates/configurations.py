"""Configurations that, together, flip every option."""

from __future__ import annotations

from typing import Any

CONFIGURATIONS: dict[str, dict[str, Any]] = {
    "on demand, fleets, given VPC": {
        "stream": {
            "mode": "on_demand",
            "retention_hours": 24,
            "consumers": ["alerts", "replay"],
            "endpoint_cidrs": ["10.1.0.0/16", "10.2.0.0/16"],
        },
        "delivery": {
            "buffer_seconds": 0,
            "buffer_mib": 64,
            "source_backup_days": 14,
            "transform": True,
            "transform_misfits": "drop",
            "transform_buffer_seconds": 0,
            "transform_buffer_mib": 3,
            "transform_retries": 0,
        },
        "consumer_function": {
            "enabled": True,
            "batch_size": 1_000,
            "batching_window_seconds": 1,
            "parallelization_factor": 4,
            "bisect_on_error": False,
            "retry_attempts": 0,
            "maximum_record_age_seconds": 60,
            "starting_position": "trim_horizon",
            "timeout_seconds": 30,
            "memory_mib": 512,
        },
        "lake": {
            "database_name": "events_db",
            "raw_table_name": "raw",
            "first_year": 2026,
            "last_year": 2030,
            "query_scan_limit_mib": 100,
        },
        "network": {
            "vpc_id": "vpc-0123456789abcdef0",
            "subnet_ids": ["subnet-0123456789abcdef0", "subnet-0123456789abcdef1"],
        },
        "cluster": {
            "release_label": "emr-spark-8.1.0",
            "capacity": "fleets",
            "core_instances": 3,
            "task_instances": 2,
            "task_instance_types": ["m5.xlarge", "m6i.xlarge"],
            "maximum_instances": 12,
            "certificates_uri": "s3://company-certificates/emr.zip",
        },
        "trigger": {"batch_size": 10, "batching_window_seconds": 0, "attempts": 3},
        "monitoring": {
            "alarm_emails": ["ops@example.org"],
            "alarm_urls": ["https://pager.example.org/in"],
            "runbook_url": "https://wiki.example.org/tidelake",
            "monthly_budget_usd": 500,
        },
        "deployment": {"permissions_boundary": "Company", "bootstrap_qualifier": "company"},
    },
    "provisioned, groups with own rules, audited": {
        "retain_data": True,
        "termination_protection": True,
        "stream": {"shards": 8, "shard_level_metrics": [], "maximum_record_kib": 10_240},
        "delivery": {"enabled": False},
        "lake": {
            "raw_infrequent_access_days": 30,
            "error_expiry_days": 1,
            "manifest_expiry_days": 1,
            "emr_log_expiry_days": 1,
            "old_version_expiry_days": 1,
            "access_log_expiry_days": 1,
            "query_result_expiry_days": 1,
        },
        "network": {
            "cidr": "10.0.0.0/24",
            "availability_zones": 2,
            "interface_endpoints": ["sts", "ssm", "sqs"],
            "flow_log_days": 7,
        },
        "cluster": {
            "primary_instance_type": "m6g.2xlarge",
            "core_instance_type": "r6g.xlarge",
            "maximum_instances": 10,
            "scaling": "yarn_memory",
            "volume_gib": 100,
            "step_concurrency": 4,
            "termination_protection": True,
        },
        "trigger": {"timeout_seconds": 120, "memory_mib": 512},
        "monitoring": {
            "log_retention_days": 400,
            "iterator_age_alarm_seconds": 60,
            "freshness_alarm_seconds": 60,
            "queue_age_alarm_seconds": 60,
        },
        "audit": {"data_events": True, "expiry_days": 30},
        "tags": {"project": "tides", "cost_center": "42", "owner": "data team"},
    },
}
