"""Makes `state.tar.xz` of the state directory that a daemon has left: python strip.py STATE.

Keeps what stands beside the history, all minutes, and the first two in seconds; no trades. Rows move by whole days to
2026-01-01, so that they lie in the past wherever the test runs; the states of the regressions stay as they were written."""

import shutil
import sqlite3
import sys
import tarfile
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory

import msgspec

DAY, FIRST, SECONDS = 86_400_000, 1_767_225_600_000, 120_000


def strip(path: Path) -> None:
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        (first,) = db.execute("SELECT MIN(ts) FROM bars").fetchone()
        db.execute("DELETE FROM ticks")
        for table, name, blob in (("bars", "symbol", "bar"), ("points", "pair", "point")):
            db.execute(f"DELETE FROM {table} WHERE every = '1s' AND ts >= ?", (first + SECONDS,))
            for rowid, ts, row in db.execute(f"SELECT rowid, ts, {blob} FROM {table}").fetchall():
                then = ts - (first - FIRST) // DAY * DAY
                values = then, msgspec.msgpack.encode(msgspec.msgpack.decode(row) | {"ts": then}), rowid
                db.execute(f"UPDATE {table} SET ts = ?, {blob} = ? WHERE rowid = ?", values)
            print(db.execute(f"SELECT {name}, every, COUNT(*) FROM {table} GROUP BY 1, 2").fetchall())
        db.execute("VACUUM")


def nameless(entry: tarfile.TarInfo) -> tarfile.TarInfo:
    entry.uid = entry.gid = entry.mtime = 0
    entry.uname = entry.gname = ""
    return entry


with TemporaryDirectory() as folder:
    state = Path(folder, "state")
    shutil.copytree(sys.argv[1], state, ignore=shutil.ignore_patterns("kernels", "cache", "lock"))
    strip(state / "history/hot.db")
    with tarfile.open(Path(__file__).with_name("state.tar.xz"), "w:xz", preset=9) as archive:
        archive.add(state, "state", filter=nameless)
