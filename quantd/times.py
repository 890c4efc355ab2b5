"""Formats and parses times. A time is an integer count of milliseconds since 1970, UTC; only this module parses and prints it."""

import re
from datetime import UTC, datetime, timedelta, tzinfo
from functools import lru_cache

FOR_EVER = 2**62
"""A time (ms) later than any other: the end of an open range."""
_LAST = 253_402_300_799_999
"""The end of the year 9999 (ms)."""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MINUTES = [f"{minute // 60:02d}:{minute % 60:02d}" for minute in range(1440)]
_SECONDS = [f"{second:02d}" for second in range(60)]
_ENDS = [f".{ms:03d}Z" for ms in range(1_000)]
"""The milliseconds of a second as they are printed, which takes longer than to look them up."""


def parse_time(text: str) -> int:
    """Return the milliseconds of a time that a person wrote: ISO 8601, in UTC if it names no zone, or milliseconds as digits. Raises
    ValueError.

    >>> parse_time("2026-01-01T00:00:00.007Z"), parse_time("2026-01-01"), parse_time("1767225600007")
    (1767225600007, 1767225600000, 1767225600007)
    """
    if re.fullmatch(r"[0-9]{1,15}", text) and int(text) <= _LAST:
        return int(text)
    try:
        when = datetime.fromisoformat(re.sub(r"(T.*) (?=\d\d:?\d\d$)", r"\1+", text))  # a query turns an unescaped + into a space
        return (when.replace(tzinfo=when.tzinfo or UTC) - _EPOCH) // timedelta(milliseconds=1)
    except (ValueError, OverflowError):
        raise ValueError(f"{text!r} is no time: write it like 2026-01-31T08:00 or in ms, UTC") from None


def instant(ts: int) -> datetime:
    """Return the time as a datetime in UTC, for programs that compute with those.

    >>> instant(1_767_225_600_007).isoformat()
    '2026-01-01T00:00:00.007000+00:00'
    """
    return _EPOCH + timedelta(milliseconds=ts)


def iso(ts: int) -> str:
    """Return the time as ISO 8601 with milliseconds, the format of REST, WebSocket and CSV.

    >>> iso(1_767_225_600_007)
    '2026-01-01T00:00:00.007Z'
    """
    day, rest = divmod(ts, 86_400_000)
    second, ms = divmod(rest, 1000)
    return f"{_date(day)}T{_MINUTES[second // 60]}:{_SECONDS[second % 60]}.{ms:03d}Z"


@lru_cache(maxsize=256)
def _date(day: int) -> str:
    """Return the date of a day since 1970."""
    return datetime.fromtimestamp(day * 86_400, UTC).isoformat()[:10]


def format_time(ts: int, form: str) -> str:
    """Return the time in a format of `strftime`, down to seconds, for readers and file names.

    >>> format_time(1_767_225_600_007, "%Y-%m-%d %H:%M")
    '2026-01-01 00:00'
    """
    return datetime.fromtimestamp(ts // 1000, UTC).strftime(form)


def wall_clock(ts: int, zone: str) -> tuple[int, int]:
    """Return the day of the week (0 is Monday) and the minute of the day that clocks of a zone show. Raises ValueError if there is no such
    zone.

    >>> wall_clock(1_767_225_600_007, "Europe/Berlin")
    (3, 60)
    """
    when = datetime.fromtimestamp(ts // 1000, _zone(zone))
    return when.weekday(), when.hour * 60 + when.minute


def demand_zone(name: str) -> str:
    """Return the name of a time zone of the IANA. Raises ValueError.

    >>> demand_zone("Europe/Berlin")
    'Europe/Berlin'
    """
    _zone(name)
    return name


@lru_cache(maxsize=64)
def _zone(name: str) -> tzinfo:
    from zoneinfo import ZoneInfo

    try:
        return ZoneInfo(name)
    except (OSError, ValueError, KeyError):
        raise ValueError(f"{name!r} is no time zone: write it like UTC or Europe/Berlin") from None
