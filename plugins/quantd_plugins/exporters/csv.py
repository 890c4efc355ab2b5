"""Bars, points and ticks as CSV files."""

import csv
import logging
import os
from collections.abc import Sequence
from datetime import UTC, datetime
from itertools import count, groupby
from pathlib import Path
from typing import Annotated, Literal

from msgspec import Meta

import quantd

_log = logging.getLogger("quantd.csv")
DAY = 86_400_000
OPEN_DAYS = 2
Row = quantd.Tick | quantd.Bar | quantd.PairPoint


class CsvExporter(quantd.Exporter):
    """Writes `ticks`, `bars` and `points` below `dir`, one file a kind, or one a kind and UTC day with `roll: 1d`.

    Times are milliseconds UTC; a cell is empty where there is no value. A re-issued row is appended at once and takes the place of the
    earlier one when its file is closed: a finished file has each row once, at its last revision. An unrolled file is written anew by
    each run, a rolled one is continued, unless it has other columns: it is then renamed.
    """

    dir: Annotated[str, Meta(min_length=1, description="Folder of the files; made if it is missing.")] = "exports"
    roll: Annotated[Literal["never", "1d"], Meta(description="Begin a new file each UTC day.")] = "never"

    def __post_init__(self) -> None:
        self._metrics: tuple[str, ...] = ()
        self._sheets: dict[tuple[quantd.Kind, int], Sheet] = {}

    def open(self, metrics: Sequence[str]) -> None:
        self._metrics = tuple(metrics)
        Path(self.dir).mkdir(parents=True, exist_ok=True)
        if self.roll == "never":
            for kind in self.kinds:
                self._sheet(kind, 0)

    def write(self, kind: quantd.Kind, rows: Sequence[Row]) -> None:
        for day, group in groupby(rows, lambda row: row.ts // DAY if self.roll == "1d" else 0):
            self._sheet(kind, day).append(list(group))

    def close(self) -> None:
        while self._sheets:
            self._sheets.popitem()[1].close()

    def _sheet(self, kind: quantd.Kind, day: int) -> "Sheet":
        """The open file of a kind and day; the oldest of its kind is closed when a third day begins."""
        if (kind, day) not in self._sheets:
            days = sorted(of for which, of in self._sheets if which == kind)
            for old in days[: len(days) - OPEN_DAYS + 1]:
                self._sheets.pop((kind, old)).close()
            date = "" if self.roll == "never" else f"-{datetime.fromtimestamp(day * DAY // 1000, UTC):%Y-%m-%d}"
            columns = (*quantd.COLUMNS[kind], *(self._metrics if kind == "points" else ()))
            self._sheets[kind, day] = Sheet(Path(self.dir, f"{kind}{date}.csv"), columns, goes_on=self.roll != "never")
        return self._sheets[kind, day]


class Sheet:
    """One CSV file, open for rows of one kind."""

    def __init__(self, path: Path, columns: Sequence[str], *, goes_on: bool) -> None:
        self._path = path
        self._columns = columns
        self._revised = goes_on
        self._live = goes_on
        if goes_on:
            _set_aside(path, columns)
        fresh = not (goes_on and path.exists() and path.stat().st_size)
        self._file = path.open("w" if fresh else "a", newline="", encoding="utf-8")
        self._writer = csv.writer(self._file, lineterminator="\n")
        if fresh:
            self._writer.writerow(columns)

    def append(self, rows: Sequence[Row]) -> None:
        self._writer.writerows([quantd.cells(row, self._columns) for row in rows])
        self._revised = self._revised or any(getattr(row, "revision", 0) for row in rows)
        if self._live:
            self._file.flush()

    def close(self) -> None:
        self._file.flush()
        os.fsync(self._file.fileno())
        self._file.close()
        if self._revised and "revision" in self._columns:
            self._settle()

    def _settle(self) -> None:
        """Leave each row once, at its last revision, where it first stood."""
        revision = self._columns.index("revision")
        with self._path.open(newline="", encoding="utf-8") as file:
            last = {tuple(row[:3]): row for row in csv.reader(file) if len(row) > revision and row[revision] not in ("0", "revision")}
        if not last:
            return
        draft = self._path.with_suffix(".tmp")
        written = set()
        with self._path.open(newline="", encoding="utf-8") as old, draft.open("w", newline="", encoding="utf-8") as new:
            writer = csv.writer(new, lineterminator="\n")
            for row in csv.reader(old):
                key = tuple(row[:3])
                if key not in written:
                    writer.writerow(last.get(key, row))
                if key in last:
                    written.add(key)
            new.flush()
            os.fsync(new.fileno())
        draft.replace(self._path)


def _set_aside(path: Path, columns: Sequence[str]) -> None:
    """Rename a file that was begun with other columns, by another version or another pipeline: no row stands under a foreign header."""
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
