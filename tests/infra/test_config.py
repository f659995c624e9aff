"""Configuration: what is taken, what is refused, and what a refusal says."""

from __future__ import annotations

from typing import Any

import pytest

from spark_jobs.tables import TABLES
from stacks.config import EnvironmentConfig
from tidelake.contract.errors import ConfigurationError


def read(values: dict[str, Any]) -> EnvironmentConfig:
    return EnvironmentConfig.from_values("dev", {"dev": values})


def test_an_empty_environment_has_the_documented_defaults() -> None:
    config = read({})
    assert (config.stream.shards, config.stream.retention_hours) == (2, 168)
    assert (config.lake.database_name, config.lake.raw_table_name) == (
        "streaming_db",
        "log_events",
    )
    assert config.cluster.release_label == "emr-7.13.0"
    assert not config.retain_data


def test_a_configured_value_replaces_only_its_default() -> None:
    config = read({"stream": {"shards": 4}})
    assert (config.stream.shards, config.stream.retention_hours) == (4, 168)


def test_a_list_becomes_a_tuple() -> None:
    config = read({"stream": {"shard_level_metrics": ["IncomingBytes"]}})
    assert config.stream.shard_level_metrics == ("IncomingBytes",)


REFUSALS = [
    ({"streams": {}}, "environments.dev.streams", {}),
    ({"stream": {"shardz": 2}}, "environments.dev.stream.shardz", 2),
    ({"stream": 2}, "environments.dev.stream", 2),
    ({"stream": {"shards": "2"}}, "environments.dev.stream.shards", "2"),
    ({"stream": {"shards": True}}, "environments.dev.stream.shards", True),
    ({"stream": {"shards": 2.0}}, "environments.dev.stream.shards", 2.0),
    ({"stream": {"shards": None}}, "environments.dev.stream.shards", None),
    ({"stream": {"shards": 0}}, "environments.dev.stream.shards", 0),
    ({"stream": {"retention_hours": 23}}, "environments.dev.stream.retention_hours", 23),
    ({"stream": {"retention_hours": 8761}}, "environments.dev.stream.retention_hours", 8761),
    (
        {"stream": {"shard_level_metrics": "IncomingBytes"}},
        "environments.dev.stream.shard_level_metrics",
        "IncomingBytes",
    ),
    (
        {"stream": {"shard_level_metrics": ["Incoming"]}},
        "environments.dev.stream.shard_level_metrics",
        "Incoming",
    ),
    (
        {"stream": {"consumers": [f"consumer-{number}" for number in range(21)]}},
        "environments.dev.stream.consumers",
        [f"consumer-{number}" for number in range(21)],
    ),
    ({"stream": {"mode": "ON_DEMAND"}}, "environments.dev.stream.mode", "ON_DEMAND"),
    ({"stream": {"maximum_record_kib": 1023}}, "environments.dev.stream.maximum_record_kib", 1023),
    ({"stream": {"maximum_record_kib": 1025}}, "environments.dev.stream.maximum_record_kib", 1025),
    (
        {"stream": {"maximum_record_kib": 10_241}, "delivery": {"enabled": False}},
        "environments.dev.stream.maximum_record_kib",
        10_241,
    ),
    (
        {"stream": {"endpoint_cidrs": ["10.0.0.256/16"]}},
        "environments.dev.stream.endpoint_cidrs",
        "10.0.0.256/16",
    ),
    (
        {"network": {"interface_endpoints": ["kinesis-streams"]}},
        "environments.dev.network.interface_endpoints",
        "kinesis-streams",
    ),
    (
        {"delivery": {"enabled": False, "transform": True}},
        "environments.dev.delivery.transform",
        True,
    ),
    (
        {"delivery": {"enabled": False, "source_backup_days": 1}},
        "environments.dev.delivery.source_backup_days",
        1,
    ),
    (
        {"delivery": {"transform_misfits": "ignore"}},
        "environments.dev.delivery.transform_misfits",
        "ignore",
    ),
    (
        {"delivery": {"transform_buffer_mib": 4}},
        "environments.dev.delivery.transform_buffer_mib",
        4,
    ),
    ({"delivery": {"buffer_seconds": 901}}, "environments.dev.delivery.buffer_seconds", 901),
    ({"delivery": {"buffer_mib": 63}}, "environments.dev.delivery.buffer_mib", 63),
    ({"delivery": {"buffer_mib": 129}}, "environments.dev.delivery.buffer_mib", 129),
    ({"lake": {"database_name": "My-Db"}}, "environments.dev.lake.database_name", "My-Db"),
    ({"lake": {"last_year": 2024}}, "environments.dev.lake.last_year", 2024),
    (
        {"lake": {"raw_infrequent_access_days": 29}},
        "environments.dev.lake.raw_infrequent_access_days",
        29,
    ),
    ({"network": {"cidr": "10.0.0.0/8"}}, "environments.dev.network.cidr", "10.0.0.0/8"),
    ({"network": {"cidr": "10.0.0.1/16"}}, "environments.dev.network.cidr", "10.0.0.1/16"),
    (
        {"cluster": {"release_label": "emr-6.15.0"}},
        "environments.dev.cluster.release_label",
        "emr-6.15.0",
    ),
    (
        {"cluster": {"core_instance_type": "m5.large"}},
        "environments.dev.cluster.core_instance_type",
        "m5.large",
    ),
    (
        {"cluster": {"core_instances": 3}},
        "environments.dev.cluster.maximum_instances",
        2,
    ),
    (
        {"cluster": {"capacity": "fleets", "scaling": "yarn_memory"}},
        "environments.dev.cluster.scaling",
        "yarn_memory",
    ),
    (
        {"cluster": {"task_instances": 1}},
        "environments.dev.cluster.maximum_instances",
        2,
    ),
    (
        {"cluster": {"task_instance_types": []}},
        "environments.dev.cluster.task_instance_types",
        [],
    ),
    (
        {"cluster": {"certificates_uri": "https://example.org/c.zip"}},
        "environments.dev.cluster.certificates_uri",
        "https://example.org/c.zip",
    ),
    ({"network": {"vpc_id": "vpc-1"}}, "environments.dev.network.vpc_id", "vpc-1"),
    (
        {"network": {"vpc_id": "vpc-0123456789abcdef0"}},
        "environments.dev.network.subnet_ids",
        [],
    ),
    (
        {
            "network": {
                "vpc_id": "vpc-0123456789abcdef0",
                "subnet_ids": ["subnet-0123456789abcdef0"],
                "flow_log_days": 7,
            }
        },
        "environments.dev.network.flow_log_days",
        7,
    ),
    ({"cluster": {"step_concurrency": 257}}, "environments.dev.cluster.step_concurrency", 257),
    (
        {"trigger": {"batching_window_seconds": 0}},
        "environments.dev.trigger.batching_window_seconds",
        0,
    ),
    (
        {"trigger": {"lease_seconds": 60}},
        "environments.dev.trigger.lease_seconds",
        60,
    ),
    (
        {"trigger": {"visibility_seconds": 419}},
        "environments.dev.trigger.visibility_seconds",
        419,
    ),
    (
        {"trigger": {"lease_seconds": 500}},
        "environments.dev.trigger.visibility_seconds",
        420,
    ),
    ({"trigger": {"attempts": 600}}, "environments.dev.trigger.attempts", 600),
    (
        {"trigger": {"longest_deferral_seconds": 600}},
        "environments.dev.trigger.attempts",
        1_000,
    ),
    (
        {"trigger": {"most_active_steps": 230, "concurrency": 26}},
        "environments.dev.trigger.most_active_steps",
        230,
    ),
    (
        {"trigger": {"look_back_hours": 720, "claim_days": 30}},
        "environments.dev.trigger.look_back_hours",
        720,
    ),
    (
        {"trigger": {"look_back_hours": 2, "forgotten_minutes": 120}},
        "environments.dev.trigger.look_back_hours",
        2,
    ),
    (
        {"maintenance": {"schedule": "daily"}},
        "environments.dev.maintenance.schedule",
        "daily",
    ),
    (
        {"maintenance": {"schedule": "rate(0 days)"}},
        "environments.dev.maintenance.schedule",
        "rate(0 days)",
    ),
    (
        {"cluster": {"mode": "on_demand", "scaling": "yarn_memory"}},
        "environments.dev.cluster.scaling",
        "yarn_memory",
    ),
    (
        {"cluster": {"mode": "on_demand", "termination_protection": True}},
        "environments.dev.cluster.termination_protection",
        True,
    ),
    ({"trigger": {"timeout_seconds": 901}}, "environments.dev.trigger.timeout_seconds", 901),
    (
        {"monitoring": {"log_retention_days": 2}},
        "environments.dev.monitoring.log_retention_days",
        2,
    ),
    (
        {"monitoring": {"alarm_emails": ["nobody"]}},
        "environments.dev.monitoring.alarm_emails",
        "nobody",
    ),
    (
        {"monitoring": {"alarm_urls": ["http://example.org"]}},
        "environments.dev.monitoring.alarm_urls",
        "http://example.org",
    ),
    (
        {"monitoring": {"monthly_budget_usd": 100}},
        "environments.dev.monitoring.monthly_budget_usd",
        100,
    ),
    (
        {"deployment": {"bootstrap_qualifier": "Company"}},
        "environments.dev.deployment.bootstrap_qualifier",
        "Company",
    ),
    (
        {"deployment": {"permissions_boundary": "a/b"}},
        "environments.dev.deployment.permissions_boundary",
        "a/b",
    ),
    ({"retain_data": 1}, "environments.dev.retain_data", 1),
    ({"environment": "prod"}, "environments.dev.environment", "prod"),
]


@pytest.mark.parametrize(("values", "key", "refused"), REFUSALS, ids=[r[1] for r in REFUSALS])
def test_a_wrong_value_is_refused_by_its_full_key(
    values: dict[str, Any], key: str, refused: object
) -> None:
    with pytest.raises(ConfigurationError) as error:
        read(values)
    assert (error.value.key, error.value.value) == (key, refused)


def test_a_refusal_names_key_value_and_what_is_allowed() -> None:
    with pytest.raises(ConfigurationError) as error:
        read({"stream": {"retention_hours": 12}})
    assert str(error.value) == (
        "environments.dev.stream.retention_hours = 12 is not allowed; "
        "allowed: a whole number from 24 to 8760"
    )


def test_a_release_that_cannot_run_the_job_is_refused_with_the_reason() -> None:
    with pytest.raises(ConfigurationError) as error:
        read({"cluster": {"release_label": "emr-6.15.0"}})
    assert (
        "one of emr-7.13.0, emr-spark-8.1.0 (emr-6.15.0 has Python 3.7, and the job needs 3.11;"
        in str(error.value)
    )


def test_large_records_are_refused_with_the_reason_while_firehose_reads_them() -> None:
    with pytest.raises(ConfigurationError) as error:
        read({"stream": {"maximum_record_kib": 2_048}})
    assert str(error.value) == (
        "environments.dev.stream.maximum_record_kib = 2048 is not allowed; allowed: 1024 where "
        "delivery.enabled is true: Firehose takes no record above 1,000 KiB"
    )


def test_an_unknown_option_is_answered_with_the_known_ones() -> None:
    with pytest.raises(ConfigurationError, match=r"allowed: one of enabled, buffer_seconds, "):
        read({"delivery": {"buffer": 1}})


def test_a_list_with_the_same_entry_twice_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="each once"):
        read({"monitoring": {"alarm_emails": ["a@example.org", "a@example.org"]}})


def test_an_unknown_environment_is_answered_with_the_known_ones() -> None:
    with pytest.raises(ConfigurationError) as error:
        EnvironmentConfig.from_values("stage", {"dev": {}, "prod": {}})
    assert str(error.value) == "environment = 'stage' is not allowed; allowed: one of dev, prod"


def test_an_environment_whose_name_makes_no_stack_name_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="a lowercase letter, then"):
        EnvironmentConfig.from_values("My Env", {"My Env": {}})


def test_a_project_without_environments_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="an object of environments"):
        EnvironmentConfig.from_values("dev", None)


@pytest.mark.parametrize("table", [table.name for table in TABLES])
def test_the_raw_table_takes_no_name_of_a_table_that_the_job_makes(table: str) -> None:
    with pytest.raises(ConfigurationError, match="a name that no curated table has"):
        read({"lake": {"raw_table_name": table}})


def test_a_budget_warns_as_many_addresses_as_aws_takes() -> None:
    emails = [f"ops{number}@example.org" for number in range(11)]
    budget = {"monthly_budget_usd": 100}
    assert read({"monitoring": {"alarm_emails": emails}}).monitoring.alarm_emails[-1] == emails[-1]
    read({"monitoring": {"alarm_emails": emails[:10], **budget}})
    with pytest.raises(ConfigurationError, match="at most 10 where monthly_budget_usd is set"):
        read({"monitoring": {"alarm_emails": emails, **budget}})
