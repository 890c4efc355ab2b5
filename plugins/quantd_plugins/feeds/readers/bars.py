"""Files of bars: a first pass finds their timeframe, unit and order; then they are played in order of time, each bar once."""

import logging
from array import array
from collections import deque
from collections.abc import Iterable, Iterator
from contextlib import closing, suppress
from functools import partial

import quantd
from quantd_plugins.feeds.readers.bar_rows import BarRows, milliseconds
from quantd_plugins.feeds.readers.leaps import MOST_MISSING, Numbered, near
from quantd_plugins.feeds.readers.names import interval_of
from quantd_plugins.feeds.readers.once import OnceEach
from quantd_plugins.feeds.readers.row import BAD_LINE, Row
from quantd_plugins.feeds.readers.source import Source
from quantd_plugins.feeds.readers.stamps import written
from quantd_plugins.feeds.readers.survey import Survey
from quantd_plugins.feeds.readers.table import Table
from quantd_plugins.feeds.readers.tally import Tally
from quantd_plugins.feeds.readers.timeframe import OffGrid, check, find

log = logging.getLogger("quantd_plugins.feeds.replay")


class BarFile:
    """The bars of a file, or those of the shortest timeframe if there are several; up to `most` rows are sorted."""

    def __init__(self, source: Source, table: Table, most: int) -> None:
        self.tally = Tally(source.path)
        self._source = source
        self._table = table
        self._most = most
        self._rows = BarRows(table, source.path)
        self._label = ""
        self._unit = 1
        self._once = OnceEach()

    def rows(self) -> Iterator[Row]:
        """Yield the rows in order of time. Raises QuantdError if the timeframe is not clear, the rows are too many to sort, or a time
        is absurd.
        """
        survey = self._look()
        if survey is None:
            return
        frame = self._settle(survey)
        if survey.leaps(self._unit, MOST_MISSING * frame.step // 2):  # the last bucket of a field may be shorter
            with closing(self._source.again()) as source:
                deque(self._read(source, survey, frame), maxlen=0)
            self.tally = Tally(self._source.path)
        for bar in self._once.bars(self._read(self._source, survey, frame)):
            yield frame.end(bar.ts), "bar", bar
        self._tell()

    def _read(self, source: Source, survey: Survey, frame: quantd.Timeframe) -> Iterator[Numbered]:
        lines = self._sorted(source, survey) if survey.disorder else self._table.lines(source)
        return near(source.path, self._bars(lines, frame), frame)

    def _look(self) -> Survey | None:
        """Return the survey of all rows of the shortest timeframe; labels of event bars are ignored."""
        surveys: dict[str, Survey] = {}
        unread = Tally(self._source.path)
        with closing(self._source.again()) as source:
            for number, line in self._table.lines(source):
                try:
                    label, symbol, time, iso = self._rows.key(self._table.cells(line))
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

    def _settle(self, survey: Survey) -> quantd.Timeframe:
        """Return the timeframe, and store the unit of small numbers."""
        path = self._source.path
        told = partial(check, frame=quantd.timeframe(self._label)) if self._label else partial(find, named=interval_of(path))
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
                    label, _, time, _ = self._rows.key(self._table.cells(line))
                    ts = milliseconds(time, self._unit)
                    before, after = frame.floor(ts), frame.end(frame.floor(ts))
                    if label == self._label and ts != before:
                        nearest = before if ts - before <= after - ts else after
                        return quantd.QuantdError(
                            f"replay: {source.path}:{number}: bars of {frame.name} open off the UTC grid: this one at {written(ts)}, "
                            f"{abs(ts - nearest):,} ms {'after' if nearest < ts else 'before'} {written(nearest)}, where such a bar opens; "
                            "shift the times, or make the bars anew of trades or of shorter bars"
                        )
        raise AssertionError("a row was off the grid")

    def _sorted(self, source: Source, survey: Survey) -> Iterator[tuple[int, bytes]]:
        """Return all rows sorted by time; rows of one time keep their order."""
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
                _, _, time, _ = self._rows.key(self._table.cells(line))
            except BAD_LINE as error:
                self.tally.skip(number, error)
                continue
            lines.append((number, line))
            times.append(time)
        return (lines[at] for at in sorted(range(len(lines)), key=times.__getitem__))

    def _bars(self, lines: Iterable[tuple[int, bytes]], frame: quantd.Timeframe) -> Iterator[Numbered]:
        for number, line in lines:
            try:
                bar = self._rows.bar(self._table.cells(line), self._label, self._unit, frame)
            except BAD_LINE as error:
                self.tally.skip(number, error)
                continue
            if bar:
                yield number, bar

    def _tell(self) -> None:
        path = self._source.path
        if self._source.damage:
            log.warning("%s is damaged and was read as far as it goes: %s", path, self._source.damage)
        self.tally.tell()
        self._once.tell(path, revised="revision" in self._table.columns)


def _by_length(surveys: dict[str, Survey]) -> dict[str, Survey]:
    """Return the labels that are timeframes, by length."""
    steps: dict[str, int] = {}
    for label in surveys:
        with suppress(ValueError):
            steps[label] = quantd.timeframe(label).step
    return {label: surveys[label] for label in sorted(steps, key=steps.__getitem__)}
