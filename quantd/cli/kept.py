"""What a daemon's store has kept, read an hour at a time, also while the daemon writes."""

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from quantd.config.load import Loaded, load
from quantd.errors import QuantdError
from quantd.history.history import current
from quantd.log import setup
from quantd.model import DEFINITION, Bar, PairPoint
from quantd.plugin.base import Columns, Kind, Store
from quantd.timeframes import HOUR
from quantd.times import iso

Read = TypeVar("Read")
_NAMED = 20


@contextmanager
def opened(config: Path | None, instead: str = "") -> Iterator[tuple[Loaded, Store]]:
    """The config and its store, to read only; `instead` is what else to do where it has none. Raises QuantdError."""
    loaded = load(config, os.environ)
    store = loaded.config.store
    if store is None:
        raise QuantdError(f"{loaded.path} has no store, so there is no history: {instead}set `store: local` and let the daemon run")
    setup("warning")
    store.open_to_read(loaded.config.state_dir)
    try:
        yield loaded, store
    finally:
        store.close()


class Series:
    """One series of a store, from `start` to before `end`, as far as it is kept when it is made. Raises QuantdError where it is not."""

    def __init__(self, store: Store, kind: Kind, name: str, every: str, start: int | None, end: int | None) -> None:
        self._store = store
        self._of = (name, every) if every else (name,)
        kept = dict(_asked(store.kept, kind))
        self._outdated: dict[int, int] = {}
        self.start, self.end = _span(kept, kind, name, every, start, end)
        if kind == "points":
            self.start = self._first_current()

    def bars(self) -> Iterator[list[Bar]]:
        """By time."""
        for start in range(self.start, self.end, HOUR):
            yield _asked(self._store.bars, *self._of, start, min(start + HOUR, self.end))

    def points(self) -> Iterator[list[PairPoint]]:
        """By time, those of the current definition."""
        for start in range(self.start, self.end, HOUR):
            yield self._points(start, min(start + HOUR, self.end))

    @property
    def outdated(self) -> int:
        """How many points of an older definition there were where it was read: they are left out."""
        return sum(self._outdated.values())

    def _points(self, start: int, end: int) -> list[PairPoint]:
        points = _asked(self._store.points, *self._of, start, end)
        self._outdated[start] = sum(point.definition < DEFINITION for point in points)
        return current(points)

    def _first_current(self) -> int:
        """The start of the first hour with points of the current definition."""
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
        """By id, each id once, as it was received first. Only hours that share ids with one another are in memory together."""
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


# --- which there are -----------------------------------------------------------------------------------------------------------------


def _span(
    kept: Mapping[tuple[str, str], tuple[int, int]], kind: Kind, name: str, every: str, start: int | None, end: int | None
) -> tuple[int, int]:
    if (name, every) not in kept:
        raise QuantdError(_missing(list(kept), kind, name, every))
    first, last = kept[name, every]
    begin = first if start is None else max(first, start)
    stop = last + 1 if end is None else min(last + 1, end)
    if begin >= stop:
        raise QuantdError(f"no {kind} of {name} in that time: kept are those from {iso(first)} to {iso(last)}")
    return begin, stop


def _missing(kept: list[tuple[str, str]], kind: Kind, name: str, every: str) -> str:
    """What to ask for instead."""
    option = "--pair" if kind == "points" else "--symbol"
    if not kept:
        return f"no {kind} are kept yet: let the daemon run"
    if others := [other for of, other in kept if of == name]:
        return f"--every: no {kind} of {name} are kept at {every!r}; there is {', '.join(others)}"
    names = list(dict.fromkeys(of for of, _ in kept))
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return f"{option}: no {kind} of {name!r} are kept; there is {', '.join(names[:_NAMED])}{more}"
