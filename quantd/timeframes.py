"""Timeframes divide time into buckets.

Buckets follow the UTC clock's fields: seconds divide the minute, minutes the hour, hours the day. `14h` has two buckets a day, 00:00-14:00
and 14:00-24:00; the last bucket of a field is shorter if the count does not divide the field.
"""

import re
from functools import cache

from msgspec import Struct

SECOND, MINUTE, HOUR, DAY = 1_000, 60_000, 3_600_000, 86_400_000
_UNITS = {"s": (SECOND, MINUTE), "m": (MINUTE, HOUR), "h": (HOUR, DAY), "d": (DAY, DAY)}


class Timeframe(Struct, frozen=True, gc=False):
    """A bucket length of `step` ms. Buckets start anew in each `field` ms.

    >>> half_day = timeframe("14h")
    >>> [half_day.floor(hour * HOUR) // HOUR for hour in (0, 13, 14, 23, 24)]
    [0, 0, 14, 14, 24]
    >>> half_day.end(14 * HOUR) // HOUR, half_day.index(24 * HOUR)
    (24, 2)
    """

    name: str
    step: int
    field: int

    def floor(self, ts: int) -> int:
        """Return the open time of the bucket that holds `ts`."""
        inside = ts % self.field
        return ts - inside % self.step

    def end(self, start: int) -> int:
        """Return the end (exclusive) of the bucket that opens at `start`."""
        return min(start + self.step, start - start % self.field + self.field)

    def index(self, start: int) -> int:
        """Return the number of buckets since 1970 before the one that opens at `start`."""
        per_field = -(-self.field // self.step)
        return start // self.field * per_field + start % self.field // self.step

    def holds(self, other: "Timeframe") -> bool:
        """Return whether each bucket of `other` lies in exactly one bucket of this timeframe."""
        if self.field % other.field:
            return False
        return self.field > other.field or not (self.step % other.step or self.field % other.step)


@cache
def timeframe(name: str) -> Timeframe:
    """Parse `1s`, `5m`, `14h`, `1d`. Raises ValueError."""
    match = re.fullmatch(r"([1-9][0-9]?)([smhd])", name)
    if match:
        count, unit = int(match[1]), match[2]
        step, field = _UNITS[unit]
        if step * count < field or (unit, count) == ("d", 1):
            return Timeframe(name, step * count, field)
    raise ValueError(f"{name!r} is not a timeframe: 1s to 59s, 1m to 59m, 1h to 23h, or 1d")


_DURATION = {"ms": 1, "s": SECOND, "m": MINUTE, "h": HOUR, "d": DAY}


def duration(text: str) -> int:
    """Return the milliseconds of `500ms`, `90s`, `15m`, `48h`, `7d`. Raises ValueError.

    >>> duration("7d") // DAY
    7
    """
    match = re.fullmatch(r"([0-9]+)(ms|s|m|h|d)", text)
    if text.isascii() and text.isdigit():
        raise ValueError(f"{text!r} lacks a unit: write {text}s, or another number with ms, m, h or d")
    if not match:
        raise ValueError(f"{text!r} is not a duration: a number and ms, s, m, h or d")
    return int(match[1]) * _DURATION[match[2]]


def duration_text(ms: int) -> str:
    """Return a length of time as `duration` reads it, in the largest unit that divides it.

    >>> duration_text(300_000), duration_text(90_000), duration_text(0)
    ('5m', '90s', '0s')
    """
    unit = next((unit for unit in ("d", "h", "m", "s") if ms % _DURATION[unit] == 0), "ms") if ms else "s"
    return f"{ms // _DURATION[unit]}{unit}"
