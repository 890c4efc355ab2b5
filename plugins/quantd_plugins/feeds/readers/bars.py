"""Files of bars: looked at once to learn their timeframe, unit and order, then played in order of time, each bar once."""

import logging
import math
from array import array
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing, suppress
from functools import partial
from typing import Any

import quantd
from quantd_plugins.feeds.imported import imported
from quantd_plugins.feeds.readers.columns import PRICES
from quantd_plugins.feeds.readers.leaps import MOST_MISSING, Numbered, near
from quantd_plugins.feeds.readers.names import interval_of, plain, symbol_of
from quantd_plugins.feeds.readers.row import BAD_LINE, TOO_MUCH, Row
from quantd_plugins.feeds.readers.source import Source
from quantd_plugins.feeds.readers.stamps import SMALL, raw, written
from quantd_plugins.feeds.readers.survey import Survey
from quantd_plugins.feeds.readers.table import Table
from quantd_plugins.feeds.readers.tally import Tally
from quantd_plugins.feeds.readers.timeframe import OffGrid, check, find

log = logging.getLogger("quantd_plugins.feeds.replay")


class BarFile:
    """The bars of a file; where they are of several timeframes, those of the shortest; up to `most` rows are sorted."""

    def __init__(self, source: Source, table: Table, most: int) -> None:
        self.tally = Tally(source.path)
        self._source = source
        self._table = table
        self._most = most
        self._symbol = symbol_of(source.path)
        self._named = interval_of(source.path)
        at = table.columns
        self._of_time, self._of_symbol, self._of_every = at["ts"], at.get("symbol"), at.get("every")
        self._of_prices = [at[name] for name in (*PRICES, "volume")]
        self._more = [name for name in ("quote_volume", "taker_buy_volume", "trades") if name in at]
        self._label = ""
        self._unit = 1
        self._frame = self._named
        self._repeated = 0
        self._contradictions: list[tuple[int, int]] = []

    def rows(self) -> Iterator[Row]:
        """In order of time. Raises QuantdError where the timeframe is not clear, the rows are too many to sort, or a time
        is absurd."""
        survey = self._look()
        if survey is None:
            return
        frame = self._settle(survey)
        if survey.leaps(self._unit, MOST_MISSING * frame.step // 2):  # the last bucket of a field may be short
            with closing(self._source.again()) as source:
                deque(self._read(source, survey, frame), maxlen=0)
            self.tally = Tally(self._source.path)
        for bar in self._once(self._read(self._source, survey, frame)):
            yield frame.end(bar.ts), "bar", bar
        self._tell()

    def _read(self, source: Source, survey: Survey, frame: quantd.Timeframe) -> Iterator[Numbered]:
        lines = self._sorted(source, survey) if survey.disorder else self._table.lines(source)
        return near(source.path, self._bars(lines, frame), frame)

    def _look(self) -> Survey | None:
        """What all rows tell, of the shortest timeframe; the labels of bars that end with an event are none."""
        surveys: dict[str, Survey] = {}
        unread = Tally(self._source.path)
        with closing(self._source.again()) as source:
            for number, line in self._table.lines(source):
                try:
                    label, symbol, time, iso = self._key(self._table.cells(line))
                except BAD_LINE as error:
                    unread.skip(number, error)
                    continue
                if label not in surveys:
                    surveys[label] = Survey()
                surveys[label].add(number, symbol, time, iso=iso)
        if "every" in self._table.columns:
            surveys = _by_length(surveys)
        if not surveys:
            self.tally = unread
            return None
        self._label = next(iter(surveys))
        return surveys[self._label]

    def _key(self, cells: Sequence[Any]) -> tuple[str, str, float, bool]:
        """Label of the timeframe, symbol, time and whether that is ISO 8601. Raises ValueError."""
        symbol = self._symbol if self._of_symbol is None else plain(str(cells[self._of_symbol]))
        if not symbol or not symbol.isprintable():
            raise ValueError("no symbol")
        time, iso = raw(cells[self._of_time])
        if time < 0:
            raise ValueError("a time before 1970")
        return "" if self._of_every is None else cells[self._of_every], symbol, time, iso

    def _settle(self, survey: Survey) -> quantd.Timeframe:
        """The timeframe; notes the unit of small numbers."""
        path = self._source.path
        told = partial(check, frame=quantd.timeframe(self._label)) if self._label else partial(find, named=self._named)
        try:
            self._unit, frame = survey.settle(told)
        except OffGrid as error:
            raise self._off_grid(error.frame) from None
        except ValueError as error:
            raise quantd.QuantdError(
                f"replay: {path} is of no known timeframe: {error}; a row's time is when its bar opens, and bars are of 1s to 1d"
            ) from None
        return frame

    def _off_grid(self, frame: quantd.Timeframe) -> quantd.QuantdError:
        with closing(self._source.again()) as source:
            for number, line in self._table.lines(source):
                with suppress(*BAD_LINE):
                    label, _, time, _ = self._key(self._table.cells(line))
                    ts = self._ms(time)
                    before, after = frame.floor(ts), frame.end(frame.floor(ts))
                    if label == self._label and ts != before:
                        nearest = before if ts - before <= after - ts else after
                        return quantd.QuantdError(
                            f"replay: {source.path}:{number}: bars of {frame.name} open off the UTC grid: this one at {written(ts)}, "
                            f"{abs(ts - nearest):,} ms {'after' if nearest < ts else 'before'} {written(nearest)}, where such a bar opens; "
                            "shift the times, or make the bars anew of trades or of shorter bars"
                        )
        raise AssertionError("a row was off the grid")

    def _ms(self, time: float) -> int:
        return round(time * self._unit) if time < SMALL else int(time)

    def _sorted(self, source: Source, survey: Survey) -> Iterator[tuple[int, bytes]]:
        """All rows, by time; those of one time as they stand."""
        path = source.path
        if survey.count > self._most:
            raise quantd.QuantdError(
                f"replay: {path}:{survey.disorder}: this row is earlier than one before, and no more than {self._most:,} are sorted: "
                "sort the file by time first"
            )
        lines: list[tuple[int, bytes]] = []
        times: array[float] = array("d")
        for number, line in self._table.lines(source):
            try:
                _, _, time, _ = self._key(self._table.cells(line))
            except BAD_LINE as error:
                self.tally.skip(number, error)
                continue
            lines.append((number, line))
            times.append(time)
        return (lines[at] for at in sorted(range(len(lines)), key=times.__getitem__))

    def _bars(self, lines: Iterable[tuple[int, bytes]], frame: quantd.Timeframe) -> Iterator[Numbered]:
        for number, line in lines:
            try:
                bar = self._bar(self._table.cells(line), frame)
            except BAD_LINE as error:
                self.tally.skip(number, error)
                continue
            if bar:
                yield number, bar

    def _bar(self, cells: Sequence[Any], frame: quantd.Timeframe) -> quantd.Bar | None:
        label, symbol, time, _ = self._key(cells)
        if label != self._label:
            return None
        number = self._table.number
        first, high, low, last, volume = [number(cells[at]) for at in self._of_prices]
        if not (0 < low <= first <= high < TOO_MUCH and low <= last <= high and 0 <= volume < math.inf):
            raise ValueError(f"open {first}, high {high}, low {low}, close {last}, volume {volume} are no bar's")
        ts = self._ms(time)
        if frame.floor(ts) != ts:
            raise ValueError(f"{written(ts)} is not where a bar of {frame.name} opens")
        more = {name: self._optional(name, cells) for name in self._more}
        return imported(symbol, frame.name, ts, (first, high, low, last), volume, **more)

    def _optional(self, name: str, cells: Sequence[Any]) -> float | None:
        cell = cells[self._table.columns[name]]
        if cell == "":
            return None
        number = self._table.number(cell)
        if not 0 <= number < math.inf:
            raise ValueError(f"{name} {number} is none")
        return number

    def _once(self, rows: Iterable[Numbered]) -> Iterator[quantd.Bar]:
        """Each bar once: of rows of one symbol and time the last of the file."""
        now = -1
        bars: dict[str, Numbered] = {}
        for number, bar in rows:
            if bar.ts != now:
                yield from (kept for _, kept in bars.values())
                now, bars = bar.ts, {}
            elif earlier := bars.get(bar.symbol):
                if earlier[1] == bar:
                    self._repeated += 1
                else:
                    self._contradictions.append((earlier[0], number))
            bars[bar.symbol] = number, bar
        yield from (kept for _, kept in bars.values())

    def _tell(self) -> None:
        path = self._source.path
        if self._source.damage:
            log.warning("%s is damaged and was read as far as it goes: %s", path, self._source.damage)
        self.tally.tell()
        if self._repeated:
            log.warning("%s: dropped %d rows that stand in it twice", path, self._repeated)
        if self._contradictions and "revision" not in self._table.columns:
            first, second = self._contradictions[0]
            text = "%s: %d rows contradict another of their time, the first at %s:%d the one at %s:%d; of such a pair the later was taken"
            log.warning(text, path, len(self._contradictions), path, second, path, first)


def _by_length(surveys: dict[str, Survey]) -> dict[str, Survey]:
    """Those that are of a timeframe, by its length."""
    steps: dict[str, int] = {}
    for label in surveys:
        with suppress(ValueError):
            steps[label] = quantd.timeframe(label).step
    return {label: surveys[label] for label in sorted(steps, key=steps.__getitem__)}
