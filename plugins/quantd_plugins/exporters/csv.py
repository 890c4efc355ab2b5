"""Bars, points and ticks as CSV files."""

import csv
import io
import logging
import os
from collections.abc import Sequence
from contextlib import ExitStack
from itertools import count, groupby
from pathlib import Path
from threading import Thread
from typing import Annotated, Literal

from msgspec import Meta

import quantd

_log = logging.getLogger("quantd.csv")
DAY = 86_400_000
OPEN_DAYS = 2
TAIL_BYTES = 1 << 16
_LARGEST = 1 << 18
"""Number of characters that are written at once when nobody waits for the rows."""
Row = quantd.Tick | quantd.Bar | quantd.PairPoint
Key = tuple[str, ...]


class CsvExporter(quantd.Exporter):
    """Writes `ticks`, `bars` and `points` below `dir`, one file a kind, or one a kind and UTC day with `roll: 1d`.

    Times are milliseconds UTC; a cell without a value is empty. A re-issued row is appended at once and replaces the earlier one when
    its file is closed: a finished file has each row once, in its last revision. An unrolled file is written anew by each run. A rolled
    file is continued, even after a kill, unless it has other columns: it is then renamed.
    """

    dir: Annotated[str, Meta(min_length=1, description="Folder of the files; made if it is missing.")] = "exports"
    roll: Annotated[Literal["never", "1d"], Meta(description="Begin a new file each UTC day.")] = "never"

    def __post_init__(self) -> None:
        self._metrics: tuple[str, ...] = ()
        self._sheets: dict[tuple[quantd.RowKind, int], Sheet] = {}
        self._closing: dict[tuple[quantd.RowKind, int], Thread] = {}

    def places(self) -> frozenset[str]:
        return frozenset(f"{Path(self.dir).resolve() / kind}{'' if self.roll == 'never' else '-*'}.csv" for kind in self.kinds)

    def open(self, metrics: Sequence[str]) -> None:
        self._metrics = tuple(metrics)
        Path(self.dir).mkdir(parents=True, exist_ok=True)
        if self.roll == "never":
            for kind in self.kinds:
                self._sheet(kind, 0)

    def write(self, kind: quantd.RowKind, rows: Sequence[Row]) -> None:
        try:
            for day, group in groupby(rows, lambda row: row.ts // DAY if self.roll == "1d" else 0):
                self._sheet(kind, day).append(list(group))
        except OSError:
            for sheet in self._sheets.values():
                sheet.unsettled = True  # the rows come again, and this sheet may have taken its rows already
            raise

    def close(self) -> None:
        while self._closing:
            self._closing.popitem()[1].join()
        with ExitStack() as each:  # the stack closes the other sheets, too, if closing one fails
            for sheet in self._sheets.values():
                each.callback(sheet.close)
            self._sheets = {}

    def _sheet(self, kind: quantd.RowKind, day: int) -> "Sheet":
        """Return the open file of a kind and day. When a third day begins, the oldest file of its kind is closed in a thread, since
        settling a million rows takes seconds; a later write to that file waits until it is closed.
        """
        if (kind, day) not in self._sheets:
            if closing := self._closing.pop((kind, day), None):
                closing.join()
            days = sorted(of for which, of in self._sheets if which == kind)
            for old in days[: len(days) - OPEN_DAYS + 1]:
                thread = self._closing[kind, old] = Thread(target=_closed, args=(self._sheets.pop((kind, old)),), name="csv", daemon=True)
                thread.start()
            date = "" if self.roll == "never" else f"-{quantd.format_time(day * DAY, '%Y-%m-%d')}"
            columns = (*quantd.COLUMNS[kind], *(self._metrics if kind == "points" else ()))
            self._sheets[kind, day] = Sheet(Path(self.dir, f"{kind}{date}.csv"), columns, goes_on=self.roll != "never")
        return self._sheets[kind, day]


class Sheet:
    """A CSV file, open for rows of one kind."""

    def __init__(self, path: Path, columns: Sequence[str], *, goes_on: bool) -> None:
        self.path = path
        self._columns = columns
        self._live = goes_on
        if goes_on:
            _set_aside(path, columns)
        fresh = not (goes_on and path.exists() and path.stat().st_size)
        self.unsettled = not fresh
        """Whether a row may occur twice in the file: it holds rows of another run, or re-issued ones. Otherwise the file is not read
        again, since a day of trades is long.
        """
        if not fresh:
            _cut_torn_row(path)
        self._file = path.open("wb" if fresh else "ab", buffering=0)
        self._size = self._file.seek(0, os.SEEK_END)
        self._text = io.StringIO(newline="")
        """Text that is not yet in the file."""
        self._writer = csv.writer(self._text, lineterminator="\n")
        if fresh:
            self._writer.writerow(columns)

    def append(self, rows: Sequence[Row]) -> None:
        """Append all of these rows, or none: raises OSError if the disk is full."""
        before = self._text.tell()
        self._writer.writerows([quantd.cells(row, self._columns) for row in rows])
        try:
            if self._live or self._text.tell() >= _LARGEST:
                self._flush()
        except OSError:
            self._text.truncate(self._text.seek(before))
            raise
        self.unsettled = self.unsettled or any(getattr(row, "revision", 0) for row in rows)

    def close(self) -> None:
        with self._file:
            self._flush()
            os.fsync(self._file.fileno())
        if self.unsettled:
            self._settle()

    def _flush(self) -> None:
        """Write the pending text, without leaving a part of a row if the disk is full."""
        data = memoryview(self._text.getvalue().encode())
        try:
            done = 0
            while done < len(data):
                done += self._file.write(data[done:]) or 0
        except OSError:
            self._file.truncate(self._file.seek(self._size))  # the next text is written there, and leaves no hole
            raise
        self._size += len(data)
        self._text.truncate(self._text.seek(0))

    def _settle(self) -> None:
        """Keep each row once, in its last version, at its first position. Rows reach the file at once but the record a second later, so a
        process that was killed writes the last rows again.
        """
        again = self._written_again()
        if not again:
            return
        with self.path.open(newline="", encoding="utf-8") as file:
            last = {key: row for row in csv.reader(file) if (key := _key(row)) in again}
        draft = self.path.with_suffix(".tmp")
        written = set()
        with self.path.open(newline="", encoding="utf-8") as old, draft.open("w", newline="", encoding="utf-8") as new:
            writer = csv.writer(new, lineterminator="\n")
            for row in csv.reader(old):
                key = _key(row)
                if key not in written:
                    writer.writerow(last.get(key, row))
                if key in last:
                    written.add(key)
            new.flush()
            os.fsync(new.fileno())
        draft.replace(self.path)

    def _written_again(self) -> set[Key]:
        """Return the keys that occur in more than one row. They are found by their hashes, since a day has very many keys."""
        seen: set[int] = set()
        again: set[Key] = set()
        with self.path.open(newline="", encoding="utf-8") as file:
            for row in csv.reader(file):
                key = _key(row)
                if hash(key) in seen:
                    again.add(key)
                seen.add(hash(key))
        return again


def _closed(sheet: Sheet) -> None:
    try:
        sheet.close()
    except OSError as error:
        _log.error("%s is not settled, rows may stand in it twice: %s", sheet.path, error)


def _key(row: Sequence[str]) -> Key:
    """Return the key of a row: its first columns."""
    return tuple(row[:3])


def _cut_torn_row(path: Path) -> None:
    """Cut off an unfinished row that a killed process has left."""
    with path.open("r+b") as file:
        size = file.seek(0, os.SEEK_END)
        file.seek(max(0, size - TAIL_BYTES))
        end = file.read()
        file.truncate(size - len(end) + end.rfind(b"\n") + 1)


def _set_aside(path: Path, columns: Sequence[str]) -> None:
    """Rename a file that was begun with other columns, by another version or pipeline, so that no row follows a header of other columns."""
    if not path.is_file() or not path.stat().st_size:
        return
    with path.open(newline="", encoding="utf-8") as file:
        if next(csv.reader(file), []) == list(columns):
            return
    aside = next(name for number in count(1) if not (name := path.with_suffix(f".{number}{path.suffix}")).exists())
    path.rename(aside)
    _log.warning("%s has other columns than the rows that come: it is kept as %s", path, aside.name)


@quantd.hookimpl
def register_exporters(register: quantd.Register[quantd.Exporter]) -> None:
    register("csv", CsvExporter)
