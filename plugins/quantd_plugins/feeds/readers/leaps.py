"""Refuses bars that open so long after the previous one that a time must be wrong: each missing bar would be played as a flat one."""

from collections.abc import Iterable, Iterator

import quantd
from quantd_plugins.feeds.readers.stamps import written

Numbered = tuple[int, quantd.Bar]
"""The number of a line, and its bar."""

MOST_MISSING = 100_000
"""Largest number of bars between two rows: 69 days of 1m."""


def near(path: str, rows: Iterable[Numbered], frame: quantd.Timeframe) -> Iterator[Numbered]:
    """Yield the rows, which are in order of time. Raises QuantdError if too many bars of a symbol are missing before a row."""
    last: dict[str, tuple[int, Numbered]] = {}
    for number, bar in rows:
        index = frame.index(bar.ts)
        before = last.get(bar.symbol)
        if before and index - before[0] - 1 > MOST_MISSING:
            raise _leap(path, before[1], (number, bar), index - before[0] - 1)
        last[bar.symbol] = index, (number, bar)
        yield number, bar


def _leap(path: str, before: Numbered, after: Numbered, missing: int) -> quantd.QuantdError:
    (first, early), (second, late) = before, after
    return quantd.QuantdError(
        f"replay: {path}:{second}: between this bar of {late.symbol} at {written(late.ts)} and the one before, at {written(early.ts)} "
        f"({path}:{first}), {missing:,} bars of {late.every} are missing, more than {MOST_MISSING:,}: mend or cut the row whose time is "
        "wrong; if both are right, give the rows up to the gap and those after it as files of their own"
    )
