"""Files of trades, a line each: invalid lines are skipped, and rows are sorted as far as a bounded number of rows allows."""

import logging
from collections.abc import Callable, Iterator
from contextlib import closing
from itertools import pairwise
from typing import NamedTuple

import quantd
from quantd_plugins.feeds.readers.ndjson import NdjsonParser
from quantd_plugins.feeds.readers.repeats import Repeats
from quantd_plugins.feeds.readers.row import BAD_LINE, LARGEST_ID, Parse, Row, Unpriced
from quantd_plugins.feeds.readers.source import BOM, Source
from quantd_plugins.feeds.readers.stamps import written
from quantd_plugins.feeds.readers.tally import Tally

BLOCK = 500
"""Number of rows held of a file that has been in order: few enough to stay in the processor's cache."""
MINUTE = 60_000
"""Trades may be late by this time (ms) in any case: their bars are repaired."""
DAY = 86_400_000
AWAY = 31 * DAY
"""Largest time (ms) between successive trades of a file: each second between them is played as a flat bar."""
Order = Callable[[Row], tuple[int, ...]]

log = logging.getLogger("quantd_plugins.feeds.replay")


def by_time(row: Row) -> tuple[int, ...]:
    """Sort key by time; rows of one time are sorted by id if they have one, and a doubt is the last."""
    return row[0], getattr(row[2], "id", LARGEST_ID)


def by_receipt(row: Row) -> tuple[int, ...]:
    """Sort key by receive time; rows of one time keep their order."""
    return (row[0],)


def by_id(row: Row) -> tuple[int, ...]:
    """Sort key by id, for the trades of one symbol."""
    return (getattr(row[2], "id", LARGEST_ID),)


class Form(NamedTuple):
    """The parser of a format, the order of its lines, and the command that sorts them."""

    parse: Parse
    order: Order
    sort: str


class TradeFile:
    """The trades of a file. Its first `ahead` rows are sorted before any is played; then as many at a time if they were out of order,
    otherwise `BLOCK`. A row that is out of order by more than a minute after that can no longer be played.
    """

    def __init__(self, source: Source, form: Form, ahead: int) -> None:
        self.tally = Tally(source.path)
        self._source = source
        self._form = form
        self._ahead = ahead
        self._repeats = Repeats()
        self._size = ahead
        """Number of rows of the next block."""
        self._unordered = 0
        """The line of the first row that was out of order by more than a minute."""

    def rows(self) -> Iterator[Row]:
        """Yield the rows in order. Raises QuantdError if that takes more rows than are held, or if a time is absurd."""
        held: list[Row] = []
        played: Row | None = None
        for rows, numbers in self._blocks():
            times = [row[0] for row in rows]
            if times == sorted(times) and not (held and times and times[0] < held[-1][0]):
                fresh, held = held, rows
                self._size = min(BLOCK, self._size)
            else:
                self._size = self._ahead if self._check(rows, numbers, held, played) else min(BLOCK, self._size)
                both = sorted(held + rows, key=self._form.order)
                fresh, held = both[: len(held)], both[len(held) :]
            yield from self._looked_at(fresh, played)
            played = fresh[-1] if fresh else played
        yield from self._looked_at(held, played)
        self._tell()

    def _looked_at(self, rows: list[Row], played: Row | None) -> list[Row]:
        """Return the next rows to play, checked. Raises QuantdError if one follows the others so late that its time must be wrong."""
        self._repeats.look(rows)
        times = [row[2].ts for row in rows]
        if times and max(times) - (played or rows[0])[2].ts > AWAY:
            ticks = [row[2] for row in (played or rows[0], *rows) if isinstance(row[2], quantd.Tick)]
            for before, after in pairwise(ticks):
                if after.ts - before.ts > AWAY:
                    raise self._leap(before, after)
        return rows

    def _leap(self, before: quantd.Tick, after: quantd.Tick) -> quantd.QuantdError:
        path = self._source.path
        return quantd.QuantdError(
            f"replay: {path}:{self._line_of(after)}: this trade of {after.symbol}, of {written(after.ts)}, comes "
            f"{(after.ts - before.ts) // DAY} days after the one before, of {written(before.ts)} ({path}:{self._line_of(before)}), more "
            f"than {AWAY // DAY}: mend or cut the row whose time is wrong; if both are right, replay the parts one by one"
        )

    def _blocks(self) -> Iterator[tuple[list[Row], list[int]]]:
        """Yield the rows in the order of the file, each with the number of its line."""
        rows: list[Row] = []
        numbers: list[int] = []
        parse, size = self._form.parse, self._size
        last: Row | None = None
        for number, line in enumerate(self._source.lines(), 1):
            try:
                row = parse(line)
            except BAD_LINE as error:
                row = self._instead(line, number, error, last)
            if row is not None:
                last = row
                rows.append(row)
                numbers.append(number)
                if len(rows) == size:
                    yield rows, numbers
                    rows, numbers, size = [], [], self._size
        if self._source.damage and last:
            rows.append(_doubt(last, {row[2].symbol for row in rows if isinstance(row[2], quantd.Tick)}))
            numbers.append(number)
        yield rows, numbers

    def _instead(self, line: bytes, number: int, error: Exception, last: Row | None) -> Row | None:
        """Return what an invalid line still tells: the rest of a line that began with another file's byte order mark, or a trade
        without a price; otherwise, if trades have no ids that would show a gap, a doubt that some may be missing.
        """
        if line.startswith(BOM):
            try:
                return self._form.parse(line.removeprefix(BOM))
            except BAD_LINE as after:
                error = after
        self.tally.skip(number, error)
        unnumbered = _unnumbered(self._form.parse)
        if not unnumbered or last is None:
            return None
        if isinstance(error, Unpriced):
            return error.row
        return None if last[1] is None else _doubt(last, unnumbered)

    def _check(self, rows: list[Row], numbers: list[int], held: list[Row], played: Row | None) -> bool:
        """Check whether rows are out of order by more than a minute. Raises QuantdError if one belongs before a row already played."""
        top = held[-1][2].ts if held else rows[0][2].ts
        unordered = False
        for row, number in zip(rows, numbers, strict=True):
            ts = row[2].ts
            if played and row[0] < played[0] and ts < played[2].ts - MINUTE:
                raise self._too_far(number, ts, played[2].ts)
            if ts < top - MINUTE:
                self._unordered = self._unordered or number
                unordered = True
            top = max(top, ts)
        return unordered

    def _too_far(self, number: int, ts: int, after: int) -> quantd.QuantdError:
        path = self._source.path
        return quantd.QuantdError(
            f"replay: {path}:{number}: a trade of {written(ts)} comes after those of {written(after)}: the rows are out of order, "
            f"further than they are sorted ({self._ahead:,} rows at most). Sort the unpacked file with `{self._form.sort}`, or give "
            "each part that is in order as a file of its own"
        )

    def _tell(self) -> None:
        path = self._source.path
        if self._source.damage:
            log.warning("%s is damaged and was read as far as it goes: %s", path, self._source.damage)
        self.tally.tell()
        if self._unordered:
            twice = "; what stands in it twice counts twice, for its trades have no ids" if _unnumbered(self._form.parse) else ""
            log.warning("%s: rows out of order were sorted, the first at %s:%d%s", path, path, self._unordered, twice)
        self._tell_sides()
        if self._repeats.first:
            self._tell_contradictions(*self._repeats.first)

    def _tell_sides(self) -> None:
        parse = self._form.parse
        if isinstance(parse, NdjsonParser) and parse.sideless:
            text = "%s: %d trades do not tell who took (`side`: buy or sell) and count as bought: do not use their taker_buy_volume"
            log.warning(text, self._source.path, parse.sideless)

    def _tell_contradictions(self, earlier: quantd.Tick, later: quantd.Tick) -> None:
        first, second = (f"{self._source.path}:{self._line_of(tick)}" for tick in (earlier, later))
        text = "%s: %d trades contradict another of their id, the first at %s the one at %s; of such a pair the one played first counts: %s"
        log.warning(text, self._source.path, self._repeats.count, second, first, first)

    def _line_of(self, tick: quantd.Tick) -> int:
        """Return the number of the first line with this row. The file is read again, since sorted rows do not keep their line numbers."""
        with closing(self._source.again()) as source:
            for number, line in enumerate(source.lines(), 1):
                try:
                    row = self._form.parse(line.removeprefix(BOM))
                except Unpriced as error:
                    row = error.row
                except BAD_LINE:
                    continue
                if row and row[2].ts == tick.ts and repr(row[2]) == repr(tick):  # NaN is not equal to itself
                    return number
        raise AssertionError("the trade was read from a line")


def _unnumbered(parse: Parse) -> set[str]:
    """Return the symbols whose trades have no ids."""
    return parse.unnumbered if isinstance(parse, NdjsonParser) else set()


def _doubt(last: Row, symbols: set[str]) -> Row:
    """Return a doubt: trades of these symbols may be missing after that row."""
    return last[0], None, quantd.Status(last[2].ts, healthy=False, symbols=tuple(sorted(symbols)))
