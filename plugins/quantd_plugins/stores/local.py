"""The history on the local disk."""

import sqlite3
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, TypeVar

import msgspec
from msgspec import Meta

import quantd
from quantd_plugins.stores import rescue
from quantd_plugins.stores.by_id import chunks_from
from quantd_plugins.stores.chunks import SECOND, newest, pack, unpack
from quantd_plugins.stores.hot_file import HotFile

Row = TypeVar("Row")

KEEP: dict[quantd.RowKind, str] = {"ticks": "7d", "bars": "365d", "points": "365d"}
SLICE = 1000
"""Number of rows that `prune` deletes in one transaction."""
COUNTS = "SELECT symbol, n FROM tally WHERE n > 0"

SCHEMA = f"""
PRAGMA journal_mode=WAL;
PRAGMA synchronous=FULL;
PRAGMA journal_size_limit=67108864;
CREATE TABLE IF NOT EXISTS ticks(symbol TEXT, first_id INT, last_id INT, n INT, ts0 INT, ts1 INT, ticks BLOB);
CREATE INDEX IF NOT EXISTS ticks_by_symbol ON ticks(symbol, ts0);
CREATE INDEX IF NOT EXISTS ticks_by_id ON ticks(symbol, last_id);
CREATE INDEX IF NOT EXISTS ticks_by_age ON ticks(ts1);
CREATE TABLE IF NOT EXISTS bars(symbol TEXT, every TEXT, ts INT, revision INT, bar BLOB, UNIQUE(symbol, every, ts));
CREATE INDEX IF NOT EXISTS bars_by_age ON bars(ts);
CREATE TABLE IF NOT EXISTS points(pair TEXT, every TEXT, ts INT, revision INT, point BLOB, UNIQUE(pair, every, ts));
CREATE INDEX IF NOT EXISTS points_by_age ON points(ts);
{rescue.SCHEMA}
BEGIN;
CREATE TABLE IF NOT EXISTS tally(symbol TEXT PRIMARY KEY, n INT);
INSERT INTO tally SELECT symbol, SUM(n) FROM ticks WHERE NOT EXISTS (SELECT 1 FROM tally) GROUP BY symbol;
CREATE TRIGGER IF NOT EXISTS ticks_added AFTER INSERT ON ticks
BEGIN INSERT INTO tally VALUES(new.symbol, new.n) ON CONFLICT DO UPDATE SET n = n + excluded.n; END;
CREATE TRIGGER IF NOT EXISTS ticks_removed AFTER DELETE ON ticks BEGIN UPDATE tally SET n = n - old.n WHERE symbol = old.symbol; END;
COMMIT;
"""
"""The triggers count ticks whoever adds or deletes them. A file of an earlier version is counted once, when it is opened."""
ADD_TICKS = "INSERT INTO ticks VALUES(?, ?, ?, ?, ?, ?, ?)"
ADD_BAR = """INSERT INTO bars VALUES(?, ?, ?, ?, ?) ON CONFLICT DO UPDATE
SET revision = excluded.revision, bar = excluded.bar WHERE excluded.revision >= bars.revision"""
ADD_POINT = """INSERT INTO points VALUES(?, ?, ?, ?, ?) ON CONFLICT DO UPDATE
SET revision = excluded.revision, point = excluded.point WHERE excluded.revision >= points.revision"""
TICKS = "SELECT ticks FROM ticks WHERE symbol = ? AND ts0 > ? AND ts0 < ? AND ts1 >= ? ORDER BY rowid"
BARS = "SELECT bar FROM bars WHERE symbol = ? AND every = ? AND ts >= ? AND ts < ? ORDER BY ts"
LAST_BARS = "SELECT bar FROM bars WHERE symbol = ? AND every = ? AND ts >= ? AND ts < ? ORDER BY ts DESC LIMIT ?"
POINTS = "SELECT point FROM points WHERE pair = ? AND every = ? AND ts >= ? AND ts < ? ORDER BY ts"
NEWEST_TICK = """SELECT ticks, last_id, ts1 FROM ticks
WHERE symbol = :symbol AND last_id = (SELECT MAX(last_id) FROM ticks WHERE symbol = :symbol)
ORDER BY rowid LIMIT 1"""
FIRST_TICK = "SELECT MIN(ts0) FROM ticks WHERE symbol = ?"
NEXT_SERIES: dict[quantd.RowKind, str] = {
    "ticks": "SELECT symbol, '' FROM ticks WHERE symbol > :name ORDER BY symbol LIMIT 1",
    "bars": "SELECT symbol, every FROM bars WHERE (symbol, every) > (:name, :every) ORDER BY symbol, every LIMIT 1",
    "points": "SELECT pair, every FROM points WHERE (pair, every) > (:name, :every) ORDER BY pair, every LIMIT 1",
}
SPAN: dict[quantd.RowKind, str] = {
    "ticks": """SELECT (SELECT MIN(ts0) FROM ticks WHERE symbol = :name), (SELECT MAX(ts1) FROM ticks WHERE symbol = :name
AND ts0 > (SELECT MAX(ts0) FROM ticks WHERE symbol = :name) - 1000)""",
    "bars": """SELECT (SELECT MIN(ts) FROM bars WHERE symbol = :name AND every = :every),
(SELECT MAX(ts) FROM bars WHERE symbol = :name AND every = :every)""",
    "points": """SELECT (SELECT MIN(ts) FROM points WHERE pair = :name AND every = :every),
(SELECT MAX(ts) FROM points WHERE pair = :name AND every = :every)""",
}
"""Queries that read only the ends of an index. The last tick is in the last second that has a chunk."""
PRUNE: dict[quantd.RowKind, str] = {
    "ticks": "DELETE FROM ticks WHERE rowid IN (SELECT rowid FROM ticks WHERE ts1 < ? LIMIT ?) RETURNING n",
    "bars": "DELETE FROM bars WHERE rowid IN (SELECT rowid FROM bars WHERE ts < ? LIMIT ?) RETURNING 1",
    "points": "DELETE FROM points WHERE rowid IN (SELECT rowid FROM points WHERE ts < ? LIMIT ?) RETURNING 1",
}

_DEFINITION_BITS = 32
"""The bits of the column `revision` of points from this one on hold the number of the definition less 1. Rows of the first definition
are thus as they were when there was only one, and files need no change.
"""

_encode = msgspec.msgpack.Encoder().encode
_decode_bar = msgspec.msgpack.Decoder(quantd.Bar).decode
_decode_point = msgspec.msgpack.Decoder(quantd.PairPoint).decode


class Local(quantd.Store):
    """Keeps history in one SQLite file, `hot.db`: ticks packed by symbol and second, bars and points a row each.

    A tick that arrives twice is stored twice and read once, in its first version. Reads may run in any thread beside the writer. The
    `retention` job deletes old rows; their space is used again, and given back by `POST /database/vacuum`. A broken file is set aside; the
    rows that can be read are copied to a new one.
    """

    keep: Annotated[dict[quantd.RowKind, str], Meta(description="How long to keep ticks (7d unless told), bars and points (365d).")] = (
        msgspec.field(default_factory=KEEP.copy)
    )
    dir: Annotated[str, Meta(min_length=1, description="Where, below the state directory.")] = "history"

    def __post_init__(self) -> None:
        self._keep = {kind: quantd.duration(text) for kind, text in (KEEP | self.keep).items()}

    def open(self, directory: Path) -> None:
        self._file = HotFile(self._path(directory), SCHEMA)
        self._file.open()

    def open_to_read(self, directory: Path) -> None:
        path = self._path(directory)
        if not path.is_file():
            raise quantd.QuantdError(f"store local: nothing is kept yet: there is no {path}")
        self._file = HotFile(path, SCHEMA)
        self._file.open_to_read()

    def append(self, ticks: Sequence[quantd.Tick], bars: Sequence[quantd.Bar], points: Sequence[quantd.PairPoint]) -> None:
        def add(db: sqlite3.Connection) -> None:
            db.executemany(ADD_TICKS, pack(ticks))
            db.executemany(ADD_BAR, ((bar.symbol, bar.every, bar.ts, bar.revision, _encode(bar)) for bar in bars))
            db.executemany(ADD_POINT, ((point.pair, point.every, point.ts, _rank(point), _encode(point)) for point in points))

        self._file.write(add)

    def ticks(self, symbol: str, start: int, end: int) -> quantd.Columns:
        columns, sound = unpack(self._read(TICKS, symbol, start - SECOND, end, start), start, end)
        if not sound:
            self._file.tell_damage("ticks")
        return columns

    def ticks_from(self, symbol: str, first_id: int, count: int) -> quantd.Columns:
        chunks = self._file.read(lambda db: chunks_from(db, symbol, first_id, count))
        start, end = min((chunk[1] for chunk in chunks), default=0), max((chunk[2] for chunk in chunks), default=0) + 1
        columns, sound = unpack([chunk[3] for chunk in chunks], start, end)
        if not sound:
            self._file.tell_damage("ticks")
        begin = int(columns["id"].searchsorted(first_id))
        return {name: column[begin : begin + count] for name, column in columns.items()}

    def bars(self, symbol: str, every: str, start: int, end: int) -> list[quantd.Bar]:
        return self._decoded("bars", _decode_bar, self._read(BARS, symbol, every, start, end))

    def last_bars(self, symbol: str, every: str, start: int, end: int, count: int) -> list[quantd.Bar]:
        return self._decoded("bars", _decode_bar, self._read(LAST_BARS, symbol, every, start, end, count)[::-1])

    def points(self, pair: str, every: str, start: int, end: int) -> list[quantd.PairPoint]:
        return self._decoded("points", _decode_point, self._read(POINTS, pair, every, start, end))

    def newest_tick(self, symbol: str) -> tuple[int, int] | None:
        found = self._file.read(lambda db: db.execute(NEWEST_TICK, {"symbol": symbol}).fetchone())
        return newest(*found) if found else None

    def first_tick(self, symbol: str) -> int | None:
        (first,) = self._file.read(lambda db: db.execute(FIRST_TICK, (symbol,)).fetchone())
        return None if first is None else int(first)

    def span(self, kind: quantd.RowKind, name: str, every: str) -> tuple[int, int] | None:
        first, last = self._file.read(lambda db: db.execute(SPAN[kind], _named((name, every))).fetchone())
        return None if first is None else (first, last)

    def series(self, kind: quantd.RowKind) -> Mapping[tuple[str, str], tuple[int, int]]:
        def spans(db: sqlite3.Connection) -> dict[tuple[str, str], tuple[int, int]]:
            found: dict[tuple[str, str], tuple[int, int]] = {}
            db.execute("BEGIN")
            series = ("", "")
            while series := db.execute(NEXT_SERIES[kind], _named(series)).fetchone():
                found[series] = db.execute(SPAN[kind], _named(series)).fetchone()
            return found

        return self._file.read(spans)

    def prune(self, now: int) -> Mapping[str, int]:
        return {kind: self._drop(kind, now - keep) for kind, keep in self._keep.items()}

    def _drop(self, kind: quantd.RowKind, before: int) -> int:
        """Delete slice by slice, so that appends can run in between."""
        dropped = 0
        while count := self.remove(kind, before, SLICE):
            dropped += count
        return dropped

    def remove(self, kind: quantd.RowKind, before: int, most: int) -> int:
        rows = self._file.write(lambda db: db.execute(PRUNE[kind], (before, most)).fetchall())
        return sum(int(count) for (count,) in rows)

    def compact(self) -> None:
        self._file.compact()

    def size(self) -> int:
        return self._file.size()

    def tick_counts(self) -> Mapping[str, int]:
        return self._file.read(lambda db: dict(db.execute(COUNTS).fetchall()))

    def losses(self) -> Sequence[quantd.Loss]:
        return self._file.losses()

    def close(self) -> None:
        self._file.close()

    def _path(self, directory: Path) -> Path:
        return directory / self.dir / "hot.db"

    def _read(self, query: str, *values: Any) -> list[bytes]:
        return self._file.read(lambda db: [blob for (blob,) in db.execute(query, values)])

    def _decoded(self, kind: quantd.RowKind, decode: Callable[[bytes], Row], blobs: Sequence[bytes]) -> list[Row]:
        """Return the decoded rows, without those that are damaged but that SQLite can read."""
        try:
            return list(map(decode, blobs))
        except (msgspec.DecodeError, UnicodeDecodeError):
            self._file.tell_damage(kind)
        return [row for blob in blobs for row in _decoded_one(decode, blob)]


def _decoded_one(decode: Callable[[bytes], Row], blob: bytes) -> Sequence[Row]:
    try:
        return (decode(blob),)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return ()


def _rank(point: quantd.PairPoint) -> int:
    """Return the rank of a point: a higher one replaces another point of the same bar."""
    return (point.definition - 1 << _DEFINITION_BITS) + point.revision


def _named(series: tuple[str, str]) -> dict[str, str]:
    return {"name": series[0], "every": series[1]}


@quantd.hookimpl
def register_stores(register: quantd.Register[quantd.Store]) -> None:
    register("local", Local)
