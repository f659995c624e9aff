"""The cluster's nodes: how many, of which kind, bought how, and how their number follows the load.

Primary and core nodes are on demand, because HDFS and shuffle data live on them; task nodes hold
nothing that lasts and are on spot.
"""

from __future__ import annotations

from typing import Any

from aws_cdk import aws_emr as emr

from stacks.constructs.private_network import PrivateNetwork
from stacks.sections.cluster import ClusterConfig

Instances = emr.CfnCluster.JobFlowInstancesConfigProperty

_SPOT_PATIENCE_MINUTES = 10
_PERIOD_SECONDS = 300
"""EMR publishes its metrics every five minutes."""
_SCARCE_PERCENT, _PLENTY_PERCENT = 15, 75
"""Free YARN memory below which a node is added, and above which one is taken away."""


def cluster_instances(config: ClusterConfig, network: PrivateNetwork) -> Instances:
    """The nodes at the start, where they live, and which security groups they are in."""
    nodes = _fleets(config, network) if config.capacity == "fleets" else _groups(config, network)
    return Instances(
        **nodes,
        emr_managed_master_security_group=network.primary_group.security_group_id,
        emr_managed_slave_security_group=network.core_group.security_group_id,
        service_access_security_group=network.service_group.security_group_id,
        keep_job_flow_alive_when_no_steps=True,
        termination_protected=config.termination_protection,
    )


def managed_scaling(config: ClusterConfig) -> emr.CfnCluster.ManagedScalingPolicyProperty | None:
    """EMR's own scaling between the nodes at the start and the most; none where they are equal.

    With task nodes, it adds those alone.
    """
    if config.scaling != "managed" or not config.scales:
        return None
    return emr.CfnCluster.ManagedScalingPolicyProperty(
        compute_limits=emr.CfnCluster.ComputeLimitsProperty(
            unit_type="InstanceFleetUnits" if config.capacity == "fleets" else "Instances",
            minimum_capacity_units=config.fewest_instances,
            maximum_capacity_units=config.maximum_instances,
            maximum_core_capacity_units=config.core_instances if config.task_instances else None,
        )
    )


def _groups(config: ClusterConfig, network: PrivateNetwork) -> dict[str, Any]:
    group = emr.CfnCluster.InstanceGroupConfigProperty
    volumes = _volumes(config)
    task = group(
        name="task",
        market="SPOT",
        instance_type=config.task_instance_types[0],
        instance_count=config.task_instances,
        ebs_configuration=volumes,
    )
    return {
        "ec2_subnet_id": network.subnet_ids[0],
        "master_instance_group": group(
            name="primary",
            market="ON_DEMAND",
            instance_type=config.primary_instance_type,
            instance_count=1,
            ebs_configuration=volumes,
        ),
        "core_instance_group": group(
            name="core",
            market="ON_DEMAND",
            instance_type=config.core_instance_type,
            instance_count=config.core_instances,
            ebs_configuration=volumes,
            auto_scaling_policy=_memory_rules(config),
        ),
        "task_instance_groups": [task] if config.task_instances else None,
    }


def _fleets(config: ClusterConfig, network: PrivateNetwork) -> dict[str, Any]:
    def fleet(
        name: str, types: tuple[str, ...], *, on_demand: int = 0, spot: int = 0
    ) -> emr.CfnCluster.InstanceFleetConfigProperty:
        return emr.CfnCluster.InstanceFleetConfigProperty(
            name=name,
            target_on_demand_capacity=on_demand,
            target_spot_capacity=spot,
            instance_type_configs=[
                emr.CfnCluster.InstanceTypeConfigProperty(
                    instance_type=instance_type,
                    weighted_capacity=1,
                    ebs_configuration=_volumes(config),
                )
                for instance_type in types
            ],
            launch_specifications=_buying(spot),
        )

    task = fleet("task", config.task_instance_types, spot=config.task_instances)
    return {
        "ec2_subnet_ids": network.subnet_ids,
        "master_instance_fleet": fleet("primary", (config.primary_instance_type,), on_demand=1),
        "core_instance_fleet": fleet(
            "core", (config.core_instance_type,), on_demand=config.core_instances
        ),
        "task_instance_fleets": [task] if config.task_instances else None,
    }


def _buying(spot: int) -> emr.CfnCluster.InstanceFleetProvisioningSpecificationsProperty:
    specifications = emr.CfnCluster.InstanceFleetProvisioningSpecificationsProperty
    if not spot:
        return specifications(
            on_demand_specification=emr.CfnCluster.OnDemandProvisioningSpecificationProperty(
                allocation_strategy="lowest-price"
            )
        )
    return specifications(
        spot_specification=emr.CfnCluster.SpotProvisioningSpecificationProperty(
            allocation_strategy="price-capacity-optimized",
            timeout_action="SWITCH_TO_ON_DEMAND",
            timeout_duration_minutes=_SPOT_PATIENCE_MINUTES,
        )
    )


def _volumes(config: ClusterConfig) -> emr.CfnCluster.EbsConfigurationProperty:
    return emr.CfnCluster.EbsConfigurationProperty(
        ebs_block_device_configs=[
            emr.CfnCluster.EbsBlockDeviceConfigProperty(
                volume_specification=emr.CfnCluster.VolumeSpecificationProperty(
                    size_in_gb=config.volume_gib, volume_type="gp3"
                )
            )
        ]
    )


def _memory_rules(config: ClusterConfig) -> emr.CfnCluster.AutoScalingPolicyProperty | None:
    if not config.scales_by_memory:
        return None
    return emr.CfnCluster.AutoScalingPolicyProperty(
        constraints=emr.CfnCluster.ScalingConstraintsProperty(
            min_capacity=config.core_instances,
            max_capacity=config.maximum_instances - config.task_instances,
        ),
        rules=[
            _memory_rule("add-node", "LESS_THAN", _SCARCE_PERCENT, 1),
            _memory_rule("remove-node", "GREATER_THAN", _PLENTY_PERCENT, -1),
        ],
    )


def _memory_rule(
    name: str, comparison: str, percent: int, nodes: int
) -> emr.CfnCluster.ScalingRuleProperty:
    return emr.CfnCluster.ScalingRuleProperty(
        name=name,
        action=emr.CfnCluster.ScalingActionProperty(
            simple_scaling_policy_configuration=(
                emr.CfnCluster.SimpleScalingPolicyConfigurationProperty(
                    adjustment_type="CHANGE_IN_CAPACITY",
                    scaling_adjustment=nodes,
                    cool_down=_PERIOD_SECONDS,
                )
            )
        ),
        trigger=emr.CfnCluster.ScalingTriggerProperty(
            cloud_watch_alarm_definition=emr.CfnCluster.CloudWatchAlarmDefinitionProperty(
                namespace="AWS/ElasticMapReduce",
                metric_name="YARNMemoryAvailablePercentage",
                # EMR itself fills in the id of the cluster.
                dimensions=[
                    emr.CfnCluster.MetricDimensionProperty(
                        key="JobFlowId", value="${emr.clusterId}"
                    )
                ],
                comparison_operator=comparison,
                statistic="AVERAGE",
                threshold=percent,
                unit="PERCENT",
                period=_PERIOD_SECONDS,
                evaluation_periods=1,
            )
        ),
    )
