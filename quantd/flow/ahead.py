"""Notes which re-issued rows have been published before they were recorded.

Rows go to exports at once and to the record within a second. If the process is killed in between, exports hold rows that the record lacks.
The next run makes a new row again and publishes it. For a re-issued row, however, the record holds the earlier revision, which looks right,
so the next run would publish nothing. The notes say which rows to publish again. They survive the process, but not a crash of the machine:
they are written, and not synced.

    published   note -> file      exports        record
    durable     cut, then drop                   written
    killed      left              a stale row    the earlier revision, which is published again
"""

import logging
import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from quantd.model import Bar, PairPoint
from quantd.plugin.base import RowKind

_log = logging.getLogger("quantd.flow")


class Note(NamedTuple):
    """Notes the rows of first <= ts <= last (ms) of a symbol or pair."""

    kind: RowKind
    name: str
    every: str
    first: int
    last: int


class Ahead:
    """The notes, in a file. Without a path, nothing is noted."""

    def __init__(self, path: Path | None = None) -> None:
        self._path = path
        self.left: list[Note] = list(_read(path)) if path else []
        """The rows that the previous run did not record. A note stays until its rows are published again."""
        self._open: dict[Note, None] = {}
        self._cut: dict[Note, None] = {}

    def note(self, kind: RowKind, rows: Sequence[Bar] | Sequence[PairPoint]) -> None:
        """Note rows of one series that are about to be published. Rows that have never been published before need no note."""
        again = [row for row in rows if row.revision]
        if not (self._path and again):
            return
        row = again[0]
        name = row.symbol if isinstance(row, Bar) else row.pair
        note = Note(kind, name, row.every, min(each.ts for each in again), max(each.ts for each in again))
        if note not in self._open:
            self._open[note] = None
            self._append(note)

    def cut(self) -> None:
        """Mark the notes so far: their rows are about to be recorded."""
        self._cut |= self._open
        self._open = {}

    def drop(self) -> None:
        """Remove the notes before the mark: their rows are recorded."""
        if self._cut:
            self._cut = {}
            self._rewrite()

    def retold(self, note: Note) -> None:
        """Remove a note of the previous run: its rows have been published again."""
        self.left.remove(note)
        self._rewrite()

    def _append(self, note: Note) -> None:
        if self._path:
            with _reported(), self._path.open("a", encoding="utf-8") as file:
                file.write(_line(note))

    def _rewrite(self) -> None:
        if self._path:
            draft = self._path.with_suffix(".tmp")
            with _reported():
                draft.write_text("".join(map(_line, [*self.left, *self._cut, *self._open])), "utf-8")
                os.replace(draft, self._path)


def _line(note: Note) -> str:
    return " ".join(map(str, note)) + "\n"


@contextmanager
def _reported() -> Iterator[None]:
    """Log an error of the disk, and go on."""
    try:
        yield
    except OSError as error:
        _log.warning("it is not noted which rows are told before they are recorded: %s", error)


def _read(path: Path) -> Iterable[Note]:
    """Read the notes in the file. Skip a line that a killed process left unfinished."""
    try:
        lines = path.read_text(encoding="utf-8", errors="replace").splitlines(keepends=True)
    except OSError:
        return
    for line in lines:
        match line.split():
            case ["bars" | "points" as kind, name, every, first, last] if line.endswith("\n") and first.isdigit() and last.isdigit():
                yield Note(kind, name, every, int(first), int(last))
