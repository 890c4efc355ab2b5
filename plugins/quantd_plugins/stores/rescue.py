"""Copies the readable rows of a broken `hot.db` to the file that replaced it: the newest first, a slice at a time, so that writers can
run in between. The progress is stored beside the rows, so that a restart continues from there.
"""

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from itertools import islice
from pathlib import Path
from typing import Any

import msgspec

import quantd
from quantd import salvage
from quantd_plugins.stores.chunks import is_sound

SLICE = 2_000
"""Number of rows of one transaction."""
SCHEMA = "CREATE TABLE IF NOT EXISTS rescue(file TEXT, told TEXT, since INT, kind TEXT, below INT, taken INT, PRIMARY KEY(file, kind));"
"""The progress for each file that was set aside and each kind of rows: all rowids from `below` on have been read; `told` describes the
damage.
"""
KINDS: tuple[quantd.RowKind, ...] = ("bars", "points", "ticks")
ADD: dict[quantd.RowKind, str] = {
    "ticks": "INSERT INTO ticks VALUES(?, ?, ?, ?, ?, ?, ?)",
    "bars": """INSERT INTO bars VALUES(?, ?, ?, ?, ?) ON CONFLICT DO UPDATE
SET revision = excluded.revision, bar = excluded.bar WHERE excluded.revision > bars.revision""",
    "points": """INSERT INTO points VALUES(?, ?, ?, ?, ?) ON CONFLICT DO UPDATE
SET revision = excluded.revision, point = excluded.point WHERE excluded.revision > points.revision""",
}
"""Newer rows are kept, unless the old row has a later revision."""
_WIDTH: dict[quantd.RowKind, int] = {"ticks": 7, "bars": 5, "points": 5}
_TOP = 2**63 - 1
_PAGES = {"table": (b"\x05", b"\x0d"), "index": (b"\x02", b"\x0a")}
"""The first bytes of the pages of tables and indexes."""

Row = tuple[Any, ...]
Write = Callable[[Callable[[sqlite3.Connection], None]], None]
"""Runs work in one transaction."""


def begin(db: sqlite3.Connection, aside: salvage.Aside, told: str) -> None:
    """Note that a file was set aside, so that its rows are copied."""
    Rescue(aside.path, told, aside.at, dict.fromkeys(KINDS, _TOP), dict.fromkeys(KINDS, 0)).keep(db)


class Rescue:
    """The copy of one file that was set aside to the database that `write` writes to."""

    def __init__(self, path: Path, told: str, since: int, left: dict[quantd.RowKind, int], taken: dict[quantd.RowKind, int]) -> None:
        self._path = path
        self._told = told
        self._since = since
        self._left = left
        self.taken = taken
        self._reached = _TOP
        """The time (ms) of the oldest chunk of ticks that was read."""

    @property
    def loss(self) -> quantd.Loss:
        """Return a description of the damage and the progress."""
        counts = ", ".join(f"{self.taken[kind]:,} rows of {kind}" for kind in KINDS)
        if not self._left:
            text = f"{self._told}; {counts} could be read and are kept. What is missing is fetched again as far as the exchange has it"
            return quantd.Loss("hot.db", text, self._since)
        reached = f", ticks down to {quantd.format_time(self._reached, '%Y-%m-%d %H:%M')}" if self._reached < _TOP else ""
        return quantd.Loss("hot.db", f"{self._told}; what can be read of it is being taken over{reached}", self._since, True, self._reached)

    def keep(self, db: sqlite3.Connection) -> None:
        """Store the progress in another database."""
        rows = [(self._path.name, self._told, self._since, kind, below, self.taken[kind]) for kind, below in self._left.items()]
        db.executemany("INSERT OR REPLACE INTO rescue VALUES(?, ?, ?, ?, ?, ?)", rows)

    def steps(self, write: Write, schema: str) -> Iterator[None]:
        """Copy a slice of each kind in turn with each step, to the end; `schema` is that of both files."""
        with closing(_like(schema, self._path)) as like, closing(salvage.opened_aside(self._path, like)) as old:
            found = {kind: salvage.rows(old, kind, below) for kind, below in self._left.items()}
            while found:
                for kind in list(found):
                    rows = list(islice(found[kind], SLICE))
                    if rows:
                        self._take(kind, rows, write)
                    else:
                        self._end(kind, write)
                        del found[kind]
                    yield

    def _take(self, kind: quantd.RowKind, rows: list[tuple[int, Row]], write: Write) -> None:
        sound = [row for _, row in rows if len(row) == _WIDTH[kind] and _is_sound(kind, row)]

        def put(db: sqlite3.Connection) -> None:
            db.executemany(ADD[kind], sound)
            mark = "UPDATE rescue SET below = ?, taken = taken + ? WHERE file = ? AND kind = ?"
            db.execute(mark, (rows[-1][0], len(sound), self._path.name, kind))

        write(put)
        self.taken[kind] += len(sound)
        self._left[kind] = rows[-1][0]
        if kind == "ticks" and sound:
            self._reached = min(self._reached, *(row[4] for row in sound))

    def _end(self, kind: quantd.RowKind, write: Write) -> None:
        def end(db: sqlite3.Connection) -> None:
            db.execute("UPDATE rescue SET below = 0 WHERE file = ? AND kind = ?", (self._path.name, kind))

        write(end)
        del self._left[kind]


def _like(schema: str, path: Path) -> sqlite3.Connection:
    """Return an empty database whose tables begin on the same pages as those of the file, which VACUUM puts in another order."""
    fresh, compact = (sqlite3.connect(":memory:", check_same_thread=False) for _ in range(2))
    for db in (fresh, compact):
        db.executescript(schema)
    compact.execute("VACUUM")
    like, other = (fresh, compact) if _fit(fresh, path) >= _fit(compact, path) else (compact, fresh)
    other.close()
    return like


def _fit(like: sqlite3.Connection, path: Path) -> int:
    """Return the number of tables and indexes of `like` whose first page in the file is a page of their kind."""
    if not path.is_file():
        return 0
    (size,) = like.execute("PRAGMA page_size").fetchone()
    fits = 0
    with path.open("rb") as file:
        for kind, page in like.execute("SELECT type, rootpage FROM sqlite_schema WHERE rootpage"):
            file.seek((page - 1) * size)
            fits += file.read(1) in _PAGES[kind]
    return fits


def begun(db: sqlite3.Connection, folder: Path) -> list[Rescue]:
    """Return the rescues that have begun, newest first, until `forget_finished`; one whose file is gone has nothing left to copy."""
    found = []
    for file, told, since in db.execute("SELECT DISTINCT file, told, since FROM rescue ORDER BY since DESC").fetchall():
        rows = db.execute("SELECT kind, below, taken FROM rescue WHERE file = ?", (file,)).fetchall()
        if (folder / file).exists():
            left = {kind: below for kind, below, _ in rows if below}
            taken = dict.fromkeys(KINDS, 0) | {kind: count for kind, _, count in rows}
            found.append(Rescue(folder / file, told, since, left, taken))
        else:
            db.execute("DELETE FROM rescue WHERE file = ?", (file,))
    return found


def forget_finished(db: sqlite3.Connection) -> None:
    """Delete finished rescues at a start: they are reported once more in this run, whose daemon looks for missing data."""
    db.execute("DELETE FROM rescue WHERE file NOT IN (SELECT file FROM rescue WHERE below > 0)")


_decode_bar = msgspec.msgpack.Decoder(quantd.Bar).decode
_decode_point = msgspec.msgpack.Decoder(quantd.PairPoint).decode


def _is_sound(kind: quantd.RowKind, row: Row) -> bool:
    """Return whether a row matches its key."""
    if kind == "ticks":
        return is_sound(row)
    try:
        if kind == "bars":
            bar = _decode_bar(row[4])
            return (bar.symbol, bar.every, bar.ts) == row[:3]
        point = _decode_point(row[4])
    except (msgspec.DecodeError, TypeError, UnicodeDecodeError):
        return False
    return (point.pair, point.every, point.ts) == row[:3]
