"""Times as programs give them and as rows have them: texts such as 2026-01-31T08:00:00.000Z."""

from typing import TYPE_CHECKING, Any

from quantd.times import instant, iso, parse_time

if TYPE_CHECKING:
    from datetime import datetime

    When = str | int | datetime
    """ISO 8601, milliseconds, or a datetime."""


def stamp(when: "When") -> str:
    """Return a time as rows have it. UTC is meant where no zone is named. Raises ValueError.

    >>> stamp("2026-01-31"), stamp(1_767_225_600_007)
    ('2026-01-31T00:00:00.000Z', '2026-01-01T00:00:00.007Z')
    """
    return iso(parse_time(str(when) if isinstance(when, str | int) else when.isoformat()))


def later(ts: str, ms: int) -> str:
    """Return the time that is so many milliseconds later.

    >>> later("2026-01-31T00:00:00.000Z", -1)
    '2026-01-30T23:59:59.999Z'
    """
    return iso(parse_time(ts) + ms)


def when(row: Any) -> "datetime":
    """Return the time of a row (or a text) as a datetime in UTC.

    >>> when("2026-01-31T08:00:00.250Z")
    datetime.datetime(2026, 1, 31, 8, 0, 0, 250000, tzinfo=datetime.timezone.utc)
    """
    return instant(parse_time(row if isinstance(row, str) else row.ts))
