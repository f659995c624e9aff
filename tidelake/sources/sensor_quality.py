"""Quality checks of sensor readings: each judged by those of the same device and type before it.

They are the usual real-time tests of sensor networks (IOOS QARTOD manuals: gross range, spike,
flat line, gap), with scales learned from the sensor itself. A suspect reading is kept and marked:
a check may be wrong, and an outage is what one wants to see.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from datetime import datetime

from tidelake.contract.events import Event

MAX_SENSORS = 100_000
"""Sensors remembered at once; the one not heard of for the longest time is forgotten first."""

WARM_UP_READINGS = 24
"""Readings that a sensor's scales are learned from before they judge."""

SPIKE_SCALES = 6.0
"""A step, or a distance from the level, is a spike from this many of its usual sizes on."""

STUCK_READINGS = 12
"""Equal readings in a row, from which on they are taken for a stuck sensor."""

GAP_INTERVALS = 5.0
"""A silence is a gap from this many of the sensor's usual intervals on."""

_MEMORY = 1 / 48
"""Weight of the newest reading in the exponential means: they remember some 48 readings."""

_PLAUSIBLE = {
    ("temperature", "C"): (-100.0, 200.0),
    ("temperature", "F"): (-150.0, 400.0),
    ("temperature", "K"): (170.0, 475.0),
    ("humidity", "%"): (0.0, 100.0),
    ("pressure", "hPa"): (300.0, 1_100.0),
}
"""What a reading of a type in a unit can be on earth, machines included."""


@dataclass(slots=True)
class _Sensor:
    """What is remembered of one sensor: exponential means, but for the last reading."""

    time: datetime
    value: float
    readings: int = 1
    repeats: int = 1
    interval_seconds: float = 0.0
    level: float = 0.0
    step: float = 0.0
    spread: float = 0.0


class QualityChecks:
    """Judges readings in the order in which they come; its memory is bounded."""

    def __init__(self, valid_range: tuple[float, float] | None) -> None:
        """`valid_range` stands for the plausible range of every type."""
        self._valid_range = valid_range
        self._sensors: OrderedDict[tuple[str, str], _Sensor] = OrderedDict()

    def judge(self, event: Event) -> str | None:
        """Why a reading is suspect, or None: `range`, `out_of_order`, `gap`, `stuck`, `spike`.

        The event has `event_time`, a finite `value`, and, unless it is invalid, the sensor's names.
        """
        value = event["value"]
        assert isinstance(value, float)  # noqa: S101 - narrows the type; see the docstring
        if not self._is_in_range(event, value):
            # No news of the sensor's scales either.
            return "range"
        time = datetime.fromisoformat(str(event["event_time"]))
        name = (str(event.get("device_id")), str(event.get("sensor_type")))
        sensor = self._sensors.get(name)
        if sensor is None:
            self._remember(name, _Sensor(time, value, level=value))
            return None
        self._sensors.move_to_end(name)
        return _judge(sensor, time, value)

    def _is_in_range(self, event: Event, value: float) -> bool:
        bounds = self._valid_range
        if bounds is None:
            bounds = _PLAUSIBLE.get((str(event.get("sensor_type")), str(event.get("unit"))))
        return bounds is None or bounds[0] <= value <= bounds[1]

    def _remember(self, name: tuple[str, str], sensor: _Sensor) -> None:
        self._sensors[name] = sensor
        if len(self._sensors) > MAX_SENSORS:
            self._sensors.popitem(last=False)


def _judge(sensor: _Sensor, time: datetime, value: float) -> str | None:
    seconds = (time - sensor.time).total_seconds()
    if seconds <= 0:
        return "out_of_order"
    step, distance = abs(value - sensor.value), abs(value - sensor.level)
    is_warm = sensor.readings >= WARM_UP_READINGS
    is_gap = is_warm and seconds >= GAP_INTERVALS * sensor.interval_seconds
    is_spike = is_warm and (
        step > SPIKE_SCALES * sensor.step > 0 or distance > SPIKE_SCALES * sensor.spread > 0
    )
    sensor.repeats = sensor.repeats + 1 if step == 0 else 1
    # Shares of the usual sizes weigh as much at first, so that the first readings count alike.
    weight = max(_MEMORY, 1 / sensor.readings)
    if not is_gap:
        sensor.interval_seconds += weight * (seconds - sensor.interval_seconds)
    # A spike counts, but no more than the largest that is none: it must not hide the next one.
    sensor.step += weight * (_at_most(step, sensor.step, is_spike) - sensor.step)
    sensor.spread += weight * (_at_most(distance, sensor.spread, is_spike) - sensor.spread)
    sensor.level += weight * (value - sensor.level)
    sensor.readings += 1
    sensor.time, sensor.value = time, value
    if is_gap:
        return "gap"
    if is_spike:
        return "spike"
    return "stuck" if sensor.repeats >= STUCK_READINGS else None


def _at_most(size: float, usual: float, is_spike: bool) -> float:
    return min(size, SPIKE_SCALES * usual) if is_spike else size
