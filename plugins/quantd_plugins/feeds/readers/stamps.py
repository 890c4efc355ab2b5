"""Times in files: seconds, milliseconds, microseconds or nanoseconds since 1970, or ISO 8601."""

from datetime import UTC, datetime, timedelta

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
SMALL, MICROSECONDS, NANOSECONDS = 10**11, 10**14, 10**17
"""Numbers below the first limit (the year 5138 in seconds) are seconds; from each other limit on they have the unit of its name."""


def milliseconds(stamp: float | str, unit: int = 1000) -> int:
    """Return a time in ms since 1970; `unit` is the unit of small numbers, in ms. Text that is not a number is ISO 8601, in UTC unless
    it has an offset. Raises ValueError.

    >>> milliseconds(1723161256322000), milliseconds("1723161256.322"), milliseconds("2024-08-08T23:54:16.322Z")
    (1723161256322, 1723161256322, 1723161256322)
    """
    if isinstance(stamp, str):
        number = _number(stamp)
        if number is None:
            return _of_iso(stamp)
        stamp = number
    if SMALL <= stamp < MICROSECONDS:
        return int(stamp)
    if stamp < SMALL:
        return round(stamp * unit)
    return int(stamp) // (1000 if stamp < NANOSECONDS else 1_000_000)


def raw(cell: float | str) -> tuple[float, bool]:
    """Return a cell's time in ms, or a small number whose unit is unknown; and whether it was ISO 8601. Raises ValueError."""
    number = _number(cell)
    if number is None:
        return _of_iso(str(cell)), True
    return number if number < SMALL else milliseconds(number), False


def _number(cell: float | str) -> float | None:
    try:
        return float(cell)
    except ValueError:
        return None


def _of_iso(text: str) -> int:
    try:
        moment = datetime.fromisoformat(text.strip())
    except ValueError:
        raise ValueError(f"{text!r} is no time: neither a number nor ISO 8601") from None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return (moment - EPOCH) // timedelta(milliseconds=1)


def written(ts: int) -> str:
    """Return a time (ms) as ISO 8601.

    >>> written(1723161256322)
    '2024-08-08T23:54:16.322Z'
    """
    try:
        return f"{(EPOCH + timedelta(milliseconds=ts)).isoformat(timespec='milliseconds').removesuffix('+00:00')}Z"
    except OverflowError:
        return f"{ts} ms"
