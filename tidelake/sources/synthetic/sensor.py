"""Readings of sensors in a factory, as JSON lines."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from tidelake.sources.synthetic.draw import Draw

_DEVICES = 60
_SPIKE_SHARE = 0.002
_KINDS = (
    ("temperature", "C", 21.0, 6.0, 0.4),
    ("humidity", "%", 55.0, 10.0, 1.0),
    ("pressure", "hPa", 1_013.0, 5.0, 0.3),
    ("vibration", "mm/s", 2.0, 0.5, 0.2),
)
"""Type, unit, level, swing of a day, noise."""


@dataclass(frozen=True, slots=True)
class _Device:
    id: str
    location: str
    kind: tuple[str, str, float, float, float]
    phase: float


class SensorLines:
    """Readings that swing over the day, with noise and now and then a spike."""

    def __init__(self, draw: Draw) -> None:
        self._draw = draw
        self._devices: Sequence[_Device] = [
            _Device(f"device-{n:03}", f"hall {1 + n % 4}", _KINDS[n % len(_KINDS)], draw.share())
            for n in range(_DEVICES)
        ]

    def line(self, at: datetime) -> str:
        """The reading of some device."""
        device = self._draw.one_of(self._devices)
        kind, unit, level, swing, noise = device.kind
        # A triangle instead of a sine: its digits are the same on every machine.
        share_of_day = (at.hour * 3600 + at.minute * 60 + at.second) / 86_400 + device.phase
        triangle = abs(share_of_day % 1.0 * 4 - 2) - 1
        value = level + swing * triangle + noise * (self._draw.share() - 0.5)
        if self._draw.share() < _SPIKE_SHARE:
            value += 20 * noise
        return (
            f'{{"timestamp":"{at:%Y-%m-%dT%H:%M:%S}.{at.microsecond // 1000:03}Z",'
            f'"device_id":"{device.id}","sensor_type":"{kind}","value":{value:.2f},'
            f'"unit":"{unit}","location":"{device.location}"}}'
        )

    def refused_line(self, at: datetime) -> str:
        """A line that cannot become an event."""
        return self.line(at).replace('"value":', '"value":NaN,"old":')
