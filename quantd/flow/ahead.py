"""Notes which re-issued rows have been told before they were recorded.

Rows go to exports at once and to the record within a second. Who is killed in between has told what nobody remembers: a row that is new is
made, and told, again by the next run; of one that was re-issued the record holds an earlier revision, which is right, so that nothing would
be told. The notes outlive the process, though not the machine: they are written, and not synced.

    told        note -> file      exports        record
    durable     cut, then drop                   written
    killed      left              a stale row    the row before: told again
"""

import logging
import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

from quantd.model import Bar, PairPoint
from quantd.plugin.base import RowKind

_log = logging.getLogger("quantd.flow")


class Note(NamedTuple):
    """Rows of first <= ts <= last (ms), of a symbol or pair."""

    kind: RowKind
    name: str
    every: str
    first: int
    last: int


class Ahead:
    """In a file, or nowhere without one."""

    def __init__(self, path: Path | None = None) -> None:
        self._path = path
        self.left: list[Note] = list(_read(path)) if path else []
        """What the run before has not come to record: it stays until it is told again."""
        self._open: dict[Note, None] = {}
        self._cut: dict[Note, None] = {}

    def note(self, kind: RowKind, rows: Sequence[Bar] | Sequence[PairPoint]) -> None:
        """These rows of one series are about to be told; those that were not told before need no note."""
        again = [row for row in rows if row.revision]
        if not (self._path and again):
            return
        row = again[0]
        name = row.symbol if isinstance(row, Bar) else row.pair
        note = Note(kind, name, row.every, min(each.ts for each in again), max(each.ts for each in again))
        if note not in self._open:
            self._open[note] = None
            self._write([note], "a")

    def cut(self) -> None:
        """What is noted up to now is about to be recorded."""
        self._cut |= self._open
        self._open = {}

    def drop(self) -> None:
        """What was noted before the cut is recorded."""
        if self._cut:
            self._cut = {}
            self._rewrite()

    def retold(self, note: Note) -> None:
        """What was left is told again."""
        self.left.remove(note)
        self._rewrite()

    def _rewrite(self) -> None:
        if self._path:
            self._write([*self.left, *self._cut, *self._open], "w")

    def _write(self, notes: Iterable[Note], mode: str) -> None:
        assert self._path
        draft = self._path.with_suffix(".tmp") if mode == "w" else self._path
        try:
            with draft.open(mode, encoding="utf-8") as file:
                file.writelines(" ".join(map(str, note)) + "\n" for note in notes)
            os.replace(draft, self._path)
        except OSError as error:
            _log.warning("it is not noted which rows are told before they are recorded: %s", error)


def _read(path: Path) -> Iterable[Note]:
    """What stands in the file; a line that a killed process left unfinished is passed over."""
    try:
        lines = path.read_text(encoding="utf-8", errors="replace").splitlines(keepends=True)
    except OSError:
        return
    for line in lines:
        match line.split():
            case ["bars" | "points" as kind, name, every, first, last] if line.endswith("\n") and first.isdigit() and last.isdigit():
                yield Note(kind, name, every, int(first), int(last))
