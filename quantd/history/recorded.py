"""Reads one recorded series, an hour at a time, also while a daemon writes."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Literal, TypeVar

import numpy as np
from numpy.typing import NDArray

from quantd.errors import QuantdError
from quantd.model import DEFINITION, Bar, PairPoint
from quantd.plugin.base import Columns, RowKind, Store
from quantd.timeframes import HOUR
from quantd.times import iso

Read = TypeVar("Read")
_NAMED = 20


class NotRecorded(QuantdError):
    """Raised if a series is not recorded. `wrong` says which part of the request must change: the name or the timeframe; None if nothing is
    recorded."""

    def __init__(self, text: str, wrong: Literal["name", "every"] | None) -> None:
        super().__init__(text)
        self.wrong = wrong


def current(points: Iterable[PairPoint]) -> list[PairPoint]:
    """Return the points of the current definition. Other points are never shown to users."""
    return [point for point in points if point.definition == DEFINITION]


class RecordedSeries:
    """One series of a store, from `start` to before `end`, as far as it is recorded when this object is made. Raises NotRecorded if it is
    not recorded, and QuantdError if nothing is recorded of that time."""

    def __init__(self, store: Store, kind: RowKind, name: str, every: str, start: int | None, end: int | None) -> None:
        self._store = store
        self._of = (name, every) if every else (name,)
        spans = dict(_asked(store.series, kind))
        self._outdated: dict[int, int] = {}
        self.start, self.end = _span(spans, kind, name, every, start, end)
        if kind == "points":
            self.start = self._first_current()

    def bars(self) -> Iterator[list[Bar]]:
        """Yield the bars by time, a list for each hour."""
        for start in range(self.start, self.end, HOUR):
            yield _asked(self._store.bars, *self._of, start, min(start + HOUR, self.end))

    def points(self) -> Iterator[list[PairPoint]]:
        """Yield the points of the current definition by time, a list for each hour."""
        for start in range(self.start, self.end, HOUR):
            yield self._points(start, min(start + HOUR, self.end))

    @property
    def outdated(self) -> int:
        """Number of points of an older definition that were read and left out."""
        return sum(self._outdated.values())

    def _points(self, start: int, end: int) -> list[PairPoint]:
        points = _asked(self._store.points, *self._of, start, end)
        self._outdated[start] = sum(point.definition < DEFINITION for point in points)
        return current(points)

    def _first_current(self) -> int:
        """Return the start of the first hour with points of the current definition."""
        for start in range(self.start, self.end, HOUR):
            if self._points(start, min(start + HOUR, self.end)):
                return start
        if not self.outdated:
            return self.start
        span = f"{iso(self.start)} to {iso(self.end - 1)}"
        raise QuantdError(
            f"all points of {' at '.join(self._of)} that are kept from {span} were made by an older version, whose "
            "z-score meant something else: start the daemon, which makes them anew of the recorded bars"
        )

    def ticks(self) -> Iterator[Columns]:
        """Yield the trades by id, each id once, as first received. Only hours that share ids with one another are in memory together."""
        hours = sorted((int(ids[0]), start) for start in range(self.start, self.end, HOUR) if len(ids := self._hour(start)["id"]))
        waiting: Columns = {}
        written = -1
        for (_, start), (until, _) in zip(hours, [*hours[1:], (2**63 - 1, 0)], strict=True):
            ids = (fresh := self._hour(start))["id"]
            waiting = _merged(waiting, _cut(fresh, slice(np.searchsorted(ids, written, "right"), None)))
            ready = int(np.searchsorted(waiting["id"], until))
            if ready:
                written = int(waiting["id"][ready - 1])
                yield _cut(waiting, slice(ready))
            waiting = _cut(waiting, slice(ready, None))

    def _hour(self, start: int) -> Columns:
        return _asked(self._store.ticks, *self._of, start, min(start + HOUR, self.end))


def _merged(some: Columns, more: Columns) -> Columns:
    if not len(some.get("id", ())):
        return more
    both: dict[str, NDArray[Any]] = {name: np.concatenate([some[name], more[name]]) for name in some}
    order = np.lexsort((both["ts"], both["recv"], both["id"]))
    first = np.diff(both["id"][order], prepend=-1) > 0
    return {name: column[order[first]] for name, column in both.items()}


def _cut(columns: Columns, part: slice) -> Columns:
    return {name: column[part] for name, column in columns.items()}


def _asked(read: Callable[..., Read], *args: object) -> Read:
    try:
        return read(*args)
    except QuantdError:
        raise
    except Exception as error:
        raise QuantdError(f"the store cannot be read: {error!r}") from error


# --- the recorded series ------------------------------------------------------------------------------------------------------------


def _span(
    spans: Mapping[tuple[str, str], tuple[int, int]], kind: RowKind, name: str, every: str, start: int | None, end: int | None
) -> tuple[int, int]:
    """Return the part of start <= ts < end in which the series is recorded."""
    if (name, every) not in spans:
        raise missing(list(spans), kind, name, every)
    first, last = spans[name, every]
    begin = first if start is None else max(first, start)
    stop = last + 1 if end is None else min(last + 1, end)
    if begin >= stop:
        raise QuantdError(f"no {kind} of {name} in that time: kept are those from {iso(first)} to {iso(last)}")
    return begin, stop


def missing(series: list[tuple[str, str]], kind: RowKind, name: str, every: str) -> NotRecorded:
    """Return an error that says what to request instead."""
    if not series:
        return NotRecorded(f"no {kind} are kept yet: let the daemon run", None)
    if others := [other for of, other in series if of == name]:
        return NotRecorded(f"no {kind} of {name} are kept at {every!r}; there is {', '.join(others)}", "every")
    names = list(dict.fromkeys(of for of, _ in series))
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return NotRecorded(f"no {kind} of {name!r} are kept; there is {', '.join(names[:_NAMED])}{more}", "name")
