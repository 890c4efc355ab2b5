"""History on the local disk."""

import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from threading import Lock
from typing import Annotated, Any

import msgspec
from msgspec import Meta

import quantd
from quantd_plugins.stores.chunks import SECOND, newest, pack, unpack

KEEP: dict[quantd.Kind, str] = {"ticks": "7d", "bars": "365d", "points": "365d"}
SLICE = 1000
"""Rows that `prune` deletes in one transaction."""

SCHEMA = """
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
"""
ADD_TICKS = "INSERT INTO ticks VALUES(?, ?, ?, ?, ?, ?, ?)"
ADD_BAR = """INSERT INTO bars VALUES(?, ?, ?, ?, ?) ON CONFLICT DO UPDATE
SET revision = excluded.revision, bar = excluded.bar WHERE excluded.revision >= bars.revision"""
ADD_POINT = """INSERT INTO points VALUES(?, ?, ?, ?, ?) ON CONFLICT DO UPDATE
SET revision = excluded.revision, point = excluded.point WHERE excluded.revision >= points.revision"""
TICKS = "SELECT ticks FROM ticks WHERE symbol = ? AND ts0 > ? AND ts0 < ? AND ts1 >= ? ORDER BY rowid"
BARS = "SELECT bar FROM bars WHERE symbol = ? AND every = ? AND ts >= ? AND ts < ? ORDER BY ts"
POINTS = "SELECT point FROM points WHERE pair = ? AND every = ? AND ts >= ? AND ts < ? ORDER BY ts"
NEWEST_TICK = """SELECT ticks FROM ticks WHERE symbol = :symbol AND last_id = (SELECT MAX(last_id) FROM ticks WHERE symbol = :symbol)
ORDER BY rowid LIMIT 1"""
NEXT_SERIES: dict[quantd.Kind, str] = {
    "ticks": "SELECT symbol, '' FROM ticks WHERE symbol > :name ORDER BY symbol LIMIT 1",
    "bars": "SELECT symbol, every FROM bars WHERE (symbol, every) > (:name, :every) ORDER BY symbol, every LIMIT 1",
    "points": "SELECT pair, every FROM points WHERE (pair, every) > (:name, :every) ORDER BY pair, every LIMIT 1",
}
SPAN: dict[quantd.Kind, str] = {
    "ticks": """SELECT (SELECT MIN(ts0) FROM ticks WHERE symbol = :name), (SELECT MAX(ts1) FROM ticks WHERE symbol = :name
AND ts0 > (SELECT MAX(ts0) FROM ticks WHERE symbol = :name) - 1000)""",
    "bars": """SELECT (SELECT MIN(ts) FROM bars WHERE symbol = :name AND every = :every),
(SELECT MAX(ts) FROM bars WHERE symbol = :name AND every = :every)""",
    "points": """SELECT (SELECT MIN(ts) FROM points WHERE pair = :name AND every = :every),
(SELECT MAX(ts) FROM points WHERE pair = :name AND every = :every)""",
}
"""Each answered from the ends of an index. The last tick is in the last second that a chunk is of."""
PRUNE: dict[quantd.Kind, str] = {
    "ticks": "DELETE FROM ticks WHERE rowid IN (SELECT rowid FROM ticks WHERE ts1 < ? LIMIT ?) RETURNING n",
    "bars": "DELETE FROM bars WHERE rowid IN (SELECT rowid FROM bars WHERE ts < ? LIMIT ?) RETURNING 1",
    "points": "DELETE FROM points WHERE rowid IN (SELECT rowid FROM points WHERE ts < ? LIMIT ?) RETURNING 1",
}

_DEFINITION_BITS = 32
"""The column `revision` of points holds, above so many bits, the number of the definition less 1: those of the first are as they were when
there was only one, so that a file needs no change."""

_encode = msgspec.msgpack.Encoder().encode
_decode_bar = msgspec.msgpack.Decoder(quantd.Bar).decode
_decode_point = msgspec.msgpack.Decoder(quantd.PairPoint).decode


class Local(quantd.Store):
    """Keeps history in one SQLite file, `hot.db`: ticks packed by symbol and second, bars and points a row each.

    A tick that comes twice is stored twice and read once, as it came first. Reads may run in any thread beside the writer. What is too
    old goes when the `retention` job runs; the file does not shrink, its space is used again.
    """

    keep: Annotated[dict[quantd.Kind, str], Meta(description="How long to keep ticks (7d unless told), bars and points (365d).")] = (
        msgspec.field(default_factory=KEEP.copy)
    )
    dir: Annotated[str, Meta(min_length=1, description="Where, below the state directory.")] = "history"

    def __post_init__(self) -> None:
        self._keep = {kind: quantd.duration(text) for kind, text in (KEEP | self.keep).items()}
        self._writing = Lock()

    def open(self, directory: Path) -> None:
        self._path = self._file(directory)
        folder = self._path.parent
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self._db = sqlite3.connect(self._path, isolation_level=None, check_same_thread=False)
            self._db.executescript(SCHEMA)
        except (OSError, sqlite3.Error) as error:
            raise quantd.QuantdError(f"store local: cannot open {self._path}: {error}; check `dir`, its owner and the disk") from error

    def open_to_read(self, directory: Path) -> None:
        self._path = self._file(directory)
        if not self._path.is_file():
            raise quantd.QuantdError(f"store local: nothing is kept yet: there is no {self._path}")
        try:
            self._db = sqlite3.connect(self._read_only, uri=True, check_same_thread=False)
            self._db.execute("SELECT 1 FROM bars LIMIT 1")
        except sqlite3.Error as error:
            raise quantd.QuantdError(f"store local: cannot read {self._path}: {error}") from error

    def append(self, ticks: Sequence[quantd.Tick], bars: Sequence[quantd.Bar], points: Sequence[quantd.PairPoint]) -> None:
        with self._transaction() as db:
            db.executemany(ADD_TICKS, pack(ticks))
            db.executemany(ADD_BAR, ((bar.symbol, bar.every, bar.ts, bar.revision, _encode(bar)) for bar in bars))
            db.executemany(ADD_POINT, ((point.pair, point.every, point.ts, _rank(point), _encode(point)) for point in points))

    def ticks(self, symbol: str, start: int, end: int) -> quantd.Columns:
        return unpack(self._read(TICKS, symbol, start - SECOND, end, start), start, end)

    def bars(self, symbol: str, every: str, start: int, end: int) -> list[quantd.Bar]:
        return list(map(_decode_bar, self._read(BARS, symbol, every, start, end)))

    def points(self, pair: str, every: str, start: int, end: int) -> list[quantd.PairPoint]:
        return list(map(_decode_point, self._read(POINTS, pair, every, start, end)))

    def newest_tick(self, symbol: str) -> tuple[int, int] | None:
        with self._reading() as db:
            found = db.execute(NEWEST_TICK, {"symbol": symbol}).fetchone()
        return newest(found[0]) if found else None

    def kept(self, kind: quantd.Kind) -> Mapping[tuple[str, str], tuple[int, int]]:
        found: dict[tuple[str, str], tuple[int, int]] = {}
        with self._reading() as db:
            db.execute("BEGIN")
            series = ("", "")
            while series := db.execute(NEXT_SERIES[kind], _named(series)).fetchone():
                found[series] = db.execute(SPAN[kind], _named(series)).fetchone()
        return found

    def prune(self, now: int) -> Mapping[str, int]:
        return {kind: self._drop(PRUNE[kind], now - keep) for kind, keep in self._keep.items()}

    def _drop(self, delete: str, before: int) -> int:
        """Delete slice by slice, so that appends get in between."""
        dropped = 0
        while True:
            with self._transaction() as db:
                rows = db.execute(delete, (before, SLICE)).fetchall()
            dropped += sum(int(count) for (count,) in rows)
            if len(rows) < SLICE:
                return dropped

    def close(self) -> None:
        self._db.close()

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        with self._writing:
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield self._db
                self._db.execute("COMMIT")
            except BaseException:
                if self._db.in_transaction:
                    self._db.execute("ROLLBACK")
                raise

    def _file(self, directory: Path) -> Path:
        return directory / self.dir / "hot.db"

    @property
    def _read_only(self) -> str:
        return f"{self._path.absolute().as_uri()}?mode=ro"

    def _reading(self) -> closing[sqlite3.Connection]:
        """A connection of its own: no reader ever waits for the writer."""
        return closing(sqlite3.connect(self._read_only, uri=True))

    def _read(self, query: str, *values: Any) -> list[bytes]:
        with self._reading() as db:
            return [blob for (blob,) in db.execute(query, values)]


def _rank(point: quantd.PairPoint) -> int:
    """Greater for what takes the place of another point of the same bar."""
    return (point.definition - 1 << _DEFINITION_BITS) + point.revision


def _named(series: tuple[str, str]) -> dict[str, str]:
    return {"name": series[0], "every": series[1]}


@quantd.hookimpl
def register_stores(register: quantd.Register[quantd.Store]) -> None:
    register("local", Local)
