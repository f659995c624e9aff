"""Refuses alarms and widgets that would stay empty for ever.

CloudWatch takes any namespace, metric and dimension, and shows nothing where none is published.
Each metric in the templates is therefore looked up in the catalogue, and each dimension followed
to the resource that it names.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aws_cdk as cdk
import jsii

from stacks import metric_catalogue
from stacks.metric_catalogue import Published
from stacks.template_references import Document, Templates, rendered

_SEARCH = re.compile(r"SEARCH\(\s*'\{([^}]*)\}([^']*)'")
_TERM = re.compile(r"([A-Za-z]+)\s*=\s*\"([^\"]*)\"")
_MEMBER = re.compile(r"\b(?:ALARM|OK|INSUFFICIENT_DATA)\(\"?([^)\"]*)\"?\)")


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One metric that is never published, or one alarm or resource that is named by a literal."""

    stack: str
    logical_id: str
    problem: str

    def __str__(self) -> str:
        return f"{self.stack}: {self.logical_id}: {self.problem}"


@dataclass(frozen=True, kw_only=True)
class Reading:
    """A metric as an alarm or a widget names it; a dimension that is None is searched for."""

    namespace: str
    names: tuple[str, ...]
    dimensions: Mapping[str, Any]


def find_dead_metrics(documents: Mapping[str, Document]) -> list[Finding]:
    """What is wrong in the templates of one app, given by the names of their stacks."""
    templates = Templates(documents)
    return [
        Finding(stack=stack, logical_id=logical_id, problem=problem)
        for stack, document in documents.items()
        for logical_id, resource in document["Resources"].items()
        for problem in _problems(resource, stack, templates)
    ]


def _problems(resource: Document, stack: str, templates: Templates) -> Iterator[str]:
    properties = resource.get("Properties", {})
    readings: list[Reading] = []
    if resource["Type"] == "AWS::CloudWatch::Alarm":
        readings = list(_alarm_readings(properties))
        if any("SEARCH" in query.get("Expression", "") for query in properties.get("Metrics", [])):
            yield "an alarm takes no SEARCH"
    elif resource["Type"] == "AWS::CloudWatch::CompositeAlarm":
        text, marks = rendered(properties["AlarmRule"])
        yield from _literal_alarms(_MEMBER.findall(text), marks)
    elif resource["Type"] == "AWS::CloudWatch::Dashboard":
        text, marks = rendered(properties["DashboardBody"])
        widgets = [widget["properties"] for widget in json.loads(text)["widgets"]]
        readings = [line for widget in widgets for line in _widget_readings(widget, marks)]
        for widget in widgets:
            yield from _literal_alarms(widget.get("alarms", []), marks)
    for reading in readings:
        yield from _reading_problems(reading, stack, templates)


def _literal_alarms(alarms: list[str], marks: Mapping[str, Any]) -> Iterator[str]:
    for alarm in alarms:
        if alarm not in marks:
            yield f"names the alarm {alarm} by a literal"


def _alarm_readings(properties: Document) -> Iterator[Reading]:
    queries = properties.get("Metrics", [])
    metrics = [query["MetricStat"]["Metric"] for query in queries if "MetricStat" in query]
    for metric in [properties] if "MetricName" in properties else metrics:
        yield Reading(
            namespace=metric["Namespace"],
            names=(metric["MetricName"],),
            dimensions={entry["Name"]: entry["Value"] for entry in metric.get("Dimensions", [])},
        )


def _widget_readings(widget: Document, marks: Mapping[str, Any]) -> Iterator[Reading]:
    for line in widget.get("metrics", []):
        names = [entry for entry in line if isinstance(entry, str)]
        if names:
            values = [marks.get(value, value) for value in names[3::2]]
            yield Reading(
                namespace=names[0],
                names=(names[1],),
                dimensions=dict(zip(names[2::2], values, strict=True)),
            )
        for options in line[len(names) :]:
            yield from _search_readings(options.get("expression", ""), marks)


def _search_readings(expression: str, marks: Mapping[str, Any]) -> Iterator[Reading]:
    for schema, terms in _SEARCH.findall(expression):
        namespace, *dimensions = (name.strip().strip('"') for name in schema.split(","))
        found = _TERM.findall(terms)
        values = {name: marks.get(value, value) for name, value in found}
        yield Reading(
            namespace=namespace,
            names=tuple(value for name, value in found if name == "MetricName"),
            dimensions={name: values.get(name) for name in dimensions},
        )


def _reading_problems(reading: Reading, stack: str, templates: Templates) -> Iterator[str]:
    published = metric_catalogue.find(reading.namespace, frozenset(reading.dimensions))
    if published is None:
        names = ", ".join(sorted(reading.dimensions)) or "no dimension"
        yield f"{reading.namespace} publishes no metric with {names}"
        return
    if not reading.names:
        yield f"searches {reading.namespace} without MetricName"
    for name in reading.names:
        if name not in published.metrics:
            yield f"{reading.namespace} publishes no {name}; see {published.source}"
    for dimension, variable in published.told_by.items():
        if not templates.tells_a_function(variable, reading.dimensions[dimension]):
            value = reading.dimensions[dimension]
            yield f"{dimension} is {value!r}, which no function of the app is told in {variable}"
    for dimension, owner in published.owners.items():
        value = reading.dimensions[dimension]
        if value is None and published.searched_without_owner and not templates.have(owner):
            continue
        meant = templates.resources_meant(value, stack)
        if not meant:
            yield f"{dimension} is {value!r}, which refers to no resource of the app"
        for resource in meant:
            yield from _owner_problems(published, dimension, owner, resource, reading)
    for dimension in published.unknown_at_synth:
        if reading.dimensions[dimension] is not None:
            yield f"{dimension} is named by a literal; search for it"


def _owner_problems(
    published: Published, dimension: str, owner: str, resource: Document, reading: Reading
) -> Iterator[str]:
    if resource["Type"] != owner:
        yield f"{dimension} refers to an {resource['Type']}, not to an {owner}"
    elif published.enabled_by is not None:
        enabled = resource["Properties"].get(published.enabled_by, [])
        for name in reading.names:
            if name not in enabled:
                yield f"{name} is not in {published.enabled_by} of the resource it is read from"


@jsii.implements(cdk.IPolicyValidationPlugin)
class MetricGate:
    """The gate as a step of the synthesis: a finding fails it, with a report of all of them."""

    @property
    def name(self) -> str:
        return "tidelake-metrics"

    @property
    def version(self) -> str:
        return "1"

    @property
    def rule_ids(self) -> list[str]:
        return ["dead-metric"]

    def validate(self, context: cdk.IPolicyValidationContext) -> cdk.PolicyValidationPluginReport:
        """Read the templates that were written, as CDK asks of its plugins."""
        paths = {
            Path(path).name.removesuffix(".template.json"): path for path in context.template_paths
        }
        documents = {stack: json.loads(Path(path).read_text()) for stack, path in paths.items()}
        findings = find_dead_metrics(documents)
        return cdk.PolicyValidationPluginReport(
            success=not findings,
            violations=[_violation(finding, paths[finding.stack]) for finding in findings],
        )


def _violation(finding: Finding, template: str) -> cdk.PolicyViolation:
    return cdk.PolicyViolation(
        rule_name="dead-metric",
        description=finding.problem,
        severity="error",
        violating_resources=[
            cdk.PolicyViolatingResource(
                resource_logical_id=finding.logical_id, template_path=template, locations=[]
            )
        ],
    )
