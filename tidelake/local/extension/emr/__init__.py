"""EMR whose clusters have a life, and whose steps really run.

MiniStack knows EMR's calls, and completes every step at once. This takes its place for clusters'
and steps' states, and leaves it the rest: instance groups and fleets, tags, bootstrap actions.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping

from botocore.exceptions import BotoCoreError, ClientError
from ministack.services import emr as ministack_emr
from ministack.services import eventbridge as ministack_events

from tidelake.local.endpoint import local_client
from tidelake.local.extension.emr.api import EmrApi
from tidelake.local.extension.emr.events import EventPublisher
from tidelake.local.extension.emr.logs import StepLogs
from tidelake.local.extension.emr.scheduler import Scheduler
from tidelake.local.extension.replacing import replace_function, require_functions
from tidelake.local.settings import LocalSettings
from tidelake.local.step_runner import SparkSubmitStarter, StepStarter

__all__ = ["install"]


def install(settings: LocalSettings, start: StepStarter | None = None) -> None:
    """Replace MiniStack's EMR in this process; `start` runs steps, by default with spark-submit.

    Raises LocalAwsError if MiniStack is not as this module knows it.
    """
    require_functions(ministack_emr, "_run_job_flow", "_list_steps", "_add_job_flow_steps")
    require_functions(ministack_events, "_put_events")
    scheduler = Scheduler(
        start=SparkSubmitStarter(settings) if start is None else start,
        steps_of=lambda cluster_id: ministack_emr._steps.setdefault(cluster_id, []),
        logs=StepLogs(_put_object(settings)),
        events=EventPublisher(_send_event),
        work_dir=settings.work_dir,
    )
    api = EmrApi(scheduler)
    ministack_emr._HANDLERS.update(api.handlers())

    def reset() -> None:
        api.reset()
        clear()

    clear = replace_function(ministack_emr, "reset", reset)


def _put_object(settings: LocalSettings) -> Callable[[str, str, bytes], None]:
    client = local_client("s3", settings.endpoint)

    def put(bucket: str, key: str, body: bytes) -> None:
        try:
            client.put_object(Bucket=bucket, Key=key, Body=body)
        except (BotoCoreError, ClientError) as error:
            raise OSError(str(error)) from error

    return put


def _send_event(detail_type: str, detail: Mapping[str, str]) -> None:
    entry = {"Source": "aws.emr", "DetailType": detail_type, "Detail": json.dumps(detail)}
    ministack_events._put_events({"Entries": [entry]}, allow_aws_source=True)
