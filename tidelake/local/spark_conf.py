"""The Spark configuration of a local cluster: what it declares, and what this machine changes.

On EMR the classifications of a cluster end up in the configuration files of its nodes. Locally the
`spark-defaults` classification becomes a `spark-defaults.conf` in the same way. Settings of three
ranks meet in it: what makes Spark start fast on a laptop gives way to the classification; the
classification gives way to what it takes to reach the local AWS.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

Configurations: TypeAlias = Sequence[Mapping[str, object]]
"""EMR's own shape: `[{"Classification": …, "Properties": {…}, "Configurations": […]}]`."""

IMAGE_FOLDERS = ("/usr/share/aws/", "/usr/lib/")
"""Where an EMR image keeps its jars; this machine has none of them."""

LOCAL_MASTER = "local[2]"
NO_PROFILES = "no-aws-profiles"

_LAPTOP_DEFAULTS = {
    "spark.driver.memory": "1g",
    "spark.sql.shuffle.partitions": "2",
    "spark.sql.catalogImplementation": "in-memory",
    "spark.sql.session.timeZone": "UTC",
}

# A step lives for seconds: the quick compiler alone (half the processor time of a step that reads,
# merges and writes 10,000 rows), no threads for garbage collection, and no second look at the
# bytecode of jars whose checksums are pinned (a tenth).
_SHORT_LIVED_JVM = (
    "-XX:TieredStopAtLevel=1",
    "-XX:+UseSerialGC",
    "-XX:+UnlockDiagnosticVMOptions",
    "-XX:-BytecodeVerificationRemote",
)
_COLLECTOR = re.compile(r"-XX:\+Use\w+GC\b")
_ICEBERG_CATALOG = re.compile(r"spark\.sql\.catalog\.\w+")

LOG4J2 = """\
rootLogger.level = warn
rootLogger.appenderRef.stderr.ref = stderr
appender.stderr.type = Console
appender.stderr.name = stderr
appender.stderr.target = SYSTEM_ERR
appender.stderr.layout.type = PatternLayout
appender.stderr.layout.pattern = %d{yyyy-MM-dd'T'HH:mm:ss} %p %c{1}: %m%n%ex
# Warned about at each start, on every machine but a Hadoop node.
logger.native.name = org.apache.hadoop.util.NativeCodeLoader
logger.native.level = error
logger.metrics.name = org.apache.hadoop.metrics2
logger.metrics.level = error
"""


@dataclass(frozen=True, kw_only=True)
class SparkSite:
    """What a local Spark is told of its surroundings.

    `python` runs the jobs; `jars` go in front of Spark's own; `scratch` takes uploads in progress.
    """

    endpoint: str
    region: str
    python: Path
    jars: tuple[Path, ...]
    scratch: Path


def classification(configurations: Configurations, name: str) -> dict[str, str]:
    """The properties of one classification, the last value of a key winning; may be empty."""
    properties: dict[str, str] = {}
    for configuration in configurations:
        entries = configuration.get("Properties")
        if configuration.get("Classification") == name and isinstance(entries, Mapping):
            properties.update({str(key): str(value) for key, value in entries.items()})
    return properties


def spark_defaults(configurations: Configurations, site: SparkSite) -> dict[str, str]:
    """The `spark-defaults.conf` of a local cluster with these `Configurations`."""
    declared = _without_image_jars(classification(configurations, "spark-defaults"))
    options = declared.get("spark.driver.extraJavaOptions", "")
    return (
        _LAPTOP_DEFAULTS
        | declared
        | {"spark.driver.extraJavaOptions": _java_options(options)}
        | _local_settings(site)
        | _iceberg_settings(declared, site)
    )


def write_conf_folder(folder: Path, defaults: Mapping[str, str]) -> None:
    """Write Spark's configuration files and an empty file of AWS profiles into `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    lines = (f"{_escape(key, ' =:#!')} {_escape(value, '')}\n" for key, value in defaults.items())
    (folder / "spark-defaults.conf").write_text("".join(lines), encoding="utf-8")
    (folder / "log4j2.properties").write_text(LOG4J2, encoding="utf-8")
    (folder / NO_PROFILES).touch()


def _local_settings(site: SparkSite) -> dict[str, str]:
    return {
        "spark.master": LOCAL_MASTER,
        "spark.submit.deployMode": "client",
        "spark.driver.bindAddress": "127.0.0.1",
        "spark.driver.host": "127.0.0.1",
        "spark.ui.enabled": "false",
        "spark.eventLog.enabled": "false",
        "spark.dynamicAllocation.enabled": "false",
        "spark.shuffle.service.enabled": "false",
        "spark.pyspark.python": str(site.python),
        "spark.pyspark.driver.python": str(site.python),
        "spark.driver.extraClassPath": os.pathsep.join(map(str, site.jars)),
        "spark.hadoop.fs.s3.impl": "org.apache.hadoop.fs.s3a.S3AFileSystem",
        "spark.hadoop.fs.s3a.endpoint": site.endpoint,
        "spark.hadoop.fs.s3a.endpoint.region": site.region,
        "spark.hadoop.fs.s3a.path.style.access": "true",
        "spark.hadoop.fs.s3a.connection.ssl.enabled": "false",
        "spark.hadoop.fs.s3a.aws.credentials.provider": (
            "com.amazonaws.auth.EnvironmentVariableCredentialsProvider"
        ),
        "spark.hadoop.fs.s3a.buffer.dir": str(site.scratch),
    }


def _iceberg_settings(declared: Mapping[str, str], site: SparkSite) -> dict[str, str]:
    """What each Iceberg catalog of the classification needs to find the local AWS."""
    settings: dict[str, str] = {}
    for key, value in declared.items():
        if _ICEBERG_CATALOG.fullmatch(key) and value.startswith("org.apache.iceberg."):
            settings[f"{key}.s3.endpoint"] = site.endpoint
            settings[f"{key}.s3.path-style-access"] = "true"
            settings[f"{key}.glue.endpoint"] = site.endpoint
            settings[f"{key}.client.region"] = site.region
    return settings


def _java_options(declared: str) -> str:
    """The driver's options after the quick ones; a JVM refuses two garbage collectors."""
    chosen = _COLLECTOR.search(declared)
    quick = (o for o in _SHORT_LIVED_JVM if not (chosen and _COLLECTOR.fullmatch(o)))
    return " ".join((*quick, declared)).strip()


def _without_image_jars(properties: Mapping[str, str]) -> dict[str, str]:
    """Leave out jars of the EMR image: their local counterparts are on the class path."""
    jars = properties.get("spark.jars", "").split(",")
    kept = [j for j in jars if j and not j.removeprefix("file://").startswith(IMAGE_FOLDERS)]
    others = {key: value for key, value in properties.items() if key != "spark.jars"}
    return others | ({"spark.jars": ",".join(kept)} if kept else {})


def _escape(text: str, separators: str) -> str:
    """Escape for a Java properties file; `separators` would end a key."""
    escaped = text.replace("\\", "\\\\").replace("\n", "\\n")
    return "".join(f"\\{c}" if c in separators else c for c in escaped)
