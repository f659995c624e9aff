"""One description of a cluster feeds the stack's own and the launches on demand."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.infra.conftest import Configured, JsonObject, Synthesis
from tidelake.local.extension.emr.resources import run_job_flow_request

_FLEETS = {"capacity": "fleets", "task_instances": 3, "maximum_instances": 12}
_ONLY_ON_DEMAND = {"AutoTerminationPolicy": {"IdleTimeout": 900}}


def launch(synthesis: Synthesis) -> JsonObject:
    """The RunJobFlow request that the trigger reads, with `?` for what AWS fills in."""
    [value] = [
        parameter["Properties"]["Value"]
        for parameter in synthesis.resources("AWS::SSM::Parameter")
        if parameter["Properties"].get("Tier") == "Intelligent-Tiering"
    ]
    parts = value["Fn::Join"][1]
    text = "".join(part if isinstance(part, str) else "?" for part in parts)
    request: JsonObject = json.loads(text)
    return request


def blanked(value: Any) -> Any:
    """A template's value with `?` for what AWS fills in, as `launch` has it."""
    if isinstance(value, list):
        return [blanked(entry) for entry in value]
    if not isinstance(value, dict):
        return value
    if "Fn::Join" in value:
        return "".join(p if isinstance(p, str) else "?" for p in value["Fn::Join"][1])
    if any(key == "Ref" or key.startswith("Fn::") for key in value):
        return "?"
    return {key: blanked(entry) for key, entry in value.items()}


@pytest.mark.parametrize("cluster", [{}, _FLEETS], ids=["groups", "fleets"])
def test_a_launched_cluster_is_the_one_that_the_stack_would_have(
    cluster: JsonObject, configured: Configured
) -> None:
    [persistent] = configured(cluster=cluster).resources("AWS::EMR::Cluster")
    launched = launch(configured(cluster={**cluster, "mode": "on_demand"}))
    tags = {tag["Key"]: tag["Value"] for tag in launched.pop("Tags")}
    expected = run_job_flow_request(blanked(persistent["Properties"]))
    assert tags == {tag["Key"]: tag["Value"] for tag in expected.pop("Tags")}
    for name in [n for n in expected["Instances"] if n.startswith(("Master", "Core", "Task"))]:
        # Templates name the nodes, the API lists them.
        del expected["Instances"][name]
    assert launched == {**expected, **_ONLY_ON_DEMAND}


def test_dev_has_no_idle_cluster_and_prod_has_one_that_lasts(
    dev: Synthesis, prod: Synthesis
) -> None:
    assert dev.resources("AWS::EMR::Cluster") == []
    [lasting] = prod.resources("AWS::EMR::Cluster")
    assert "AutoTerminationPolicy" not in lasting["Properties"]
    request = launch(dev)
    assert request["AutoTerminationPolicy"] == {"IdleTimeout": 900}
    assert request["Instances"]["TerminationProtected"] is False
    assert request["ManagedScalingPolicy"]["ComputeLimits"]["MaximumCapacityUnits"] == 2


def test_a_launched_cluster_bears_emrs_tag_and_the_environments(dev: Synthesis) -> None:
    tags = {tag["Key"]: tag["Value"] for tag in launch(dev)["Tags"]}
    assert tags["for-use-with-amazon-emr-managed-policies"] == "true"
    assert tags["Environment"] == "dev"


def test_the_largest_launch_fits_into_one_parameter(configured: Configured) -> None:
    types = [f"m{n}{kind}.16xlarge" for n in (5, 6, 7, 8) for kind in ("g", "gd", "in")]
    synthesis = configured(
        cluster={**_FLEETS, "mode": "on_demand", "task_instance_types": types},
        network={
            "vpc_id": "vpc-0123456789abcdef0",
            "subnet_ids": [f"subnet-0123456789abcdef{n}" for n in range(6)],
        },
    )
    # What AWS fills in is names and ids, of which some are up to 63 characters long.
    text = json.dumps(launch(synthesis), separators=(",", ":"))
    assert len(text) + 64 * text.count("?") < 8_192
