"""Finds, sets aside and reads broken files, as far as SQLite still reads them. For the state, and for stores of any plugin.

Code that opens a SQLite file calls `fault` first. If there is a fault, `set_aside` renames the file in its directory, a new one replaces
it, and `rows` or `keyed_rows` read what is left of the old one. Nothing is deleted except the oldest files that were set aside before.
"""

import os
import re
import shutil
import sqlite3
import struct
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any

from msgspec import Struct

from quantd.clock import Clock, SystemClock
from quantd.times import format_time

KEPT_ASIDE = 2
"""Number of broken files that are kept of each file, the newest ones. Each may be as large as the disk's free space."""
BESIDE = ("-wal", "-shm", "-journal")
"""Suffixes of the files that SQLite keeps beside a database."""
_BROKEN = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_FORMAT})
_UNUSABLE = frozenset(
    {
        sqlite3.SQLITE_PERM,
        sqlite3.SQLITE_BUSY,
        sqlite3.SQLITE_LOCKED,
        sqlite3.SQLITE_NOMEM,
        sqlite3.SQLITE_READONLY,
        sqlite3.SQLITE_INTERRUPT,
        sqlite3.SQLITE_IOERR,
        sqlite3.SQLITE_FULL,
        sqlite3.SQLITE_CANTOPEN,
        sqlite3.SQLITE_PROTOCOL,
        sqlite3.SQLITE_AUTH,
        sqlite3.SQLITE_NOLFS,
    }
)
_TOP = 2**63 - 1
_WAL_HEADER, _FRAME_HEADER = 32, 24
_OLDER_SALTS = 2**20


class Aside(Struct, frozen=True):
    """The place of a broken file, its size (bytes) with the files beside it, and when (ms) it was set aside."""

    path: Path
    size: int
    at: int

    def __str__(self) -> str:
        return f"{self.path.name} ({self.size:,} bytes)"


def is_broken(error: BaseException) -> bool:
    """Return whether SQLite says that the file is damaged."""
    return isinstance(error, sqlite3.Error) and _code(error) in _BROKEN


def is_unusable(error: BaseException) -> bool:
    """Return whether SQLite says that it cannot use the file for now: because of its owner, the file system, the disk or another
    process."""
    return isinstance(error, sqlite3.Error) and _code(error) in _UNUSABLE


def _code(error: sqlite3.Error) -> int:
    code: int = getattr(error, "sqlite_errorcode", 0)
    return sqlite3.SQLITE_CORRUPT if code == sqlite3.SQLITE_IOERR_SHORT_READ else code & 0xFF  # the file is shorter than it should be


# --- find --------------------------------------------------------------------------------------------------------------------------


def fault(path: Path, most: int = 2**62) -> str | None:
    """Return what is wrong with a SQLite file; None if nothing is found, or there is no file. Above `most` bytes only the pages on the
    way to the first and the last row of each table and index are checked. Raises OSError and sqlite3.Error if the file cannot be used
    for now."""
    if not os.path.lexists(path):
        return "it is gone, its WAL is not" if _size(Path(f"{path}-wal")) else None
    if not path.is_file():
        return "it is no file"
    if not path.stat().st_size:
        return "it is empty"
    if any(os.path.lexists(part) and not part.is_file() for part in _beside(path)):
        return "what SQLite keeps beside it is no file"
    if not _size(Path(f"{path}-wal")) and _is_cut(path):
        return "its end is cut off"
    try:
        with closing(read_only(path)) as db:
            (version,) = db.execute("pragma schema_version").fetchone()
            if not version:
                return "it has no tables"
            return _torn_wal(path) or (_ends(db) if path.stat().st_size > most else quick_check(db))
    except sqlite3.Error as error:
        if is_unusable(error):
            raise
        return str(error)


def _is_cut(path: Path) -> bool:
    """Return whether a file is shorter than its header says. SQLite reads the missing part of a page as zeros."""
    page, pages = _pages(path)
    return path.stat().st_size < page * pages


def _pages(path: Path) -> tuple[int, int]:
    """Return the size of a page and the number of pages, according to the header; zeros if there is no header."""
    with path.open("rb") as file:
        header = file.read(100)
    if len(header) < 100 or not header.startswith(b"SQLite format 3\0"):
        return 0, 0
    page, pages = struct.unpack(">H10xI", header[16:32])
    page = 65_536 if page == 1 else page
    return (page, pages) if page >= 512 and page & (page - 1) == 0 else (0, 0)


def read_only(path: Path) -> sqlite3.Connection:
    """Return a connection that changes nothing, for any thread."""
    return sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, check_same_thread=False)


def quick_check(db: sqlite3.Connection) -> str | None:
    """Return the first fault of any page; None without one. It takes about a second per GiB in memory."""
    (found,) = db.execute("pragma quick_check(1)").fetchone()
    return None if found == "ok" else " ".join(str(found).split())


def _ends(db: sqlite3.Connection) -> str | None:
    """Read the first and the last entry of each table, which has rowids, and of each index. Raises sqlite3.Error if one cannot be read."""
    tables = [name for (name,) in db.execute("select name from sqlite_schema where type = 'table' and name not like 'sqlite_%'")]
    for table in tables:
        for order in ("asc", "desc"):
            db.execute(f'select * from "{table}" not indexed order by rowid {order} limit 1').fetchall()
        for (index,) in db.execute(f"select name from pragma_index_list('{table}')").fetchall():
            columns = [name for (name,) in db.execute(f"select name from pragma_index_info('{index}')")]
            for order in ("asc", "desc"):
                by = ", ".join(f'"{column}" {order}' for column in columns)
                db.execute(f'select {", ".join(columns)} from "{table}" indexed by "{index}" order by {by} limit 1').fetchall()
    return None


def _torn_wal(path: Path) -> str | None:
    """Return whether the WAL holds transactions that SQLite does not read, since it silently stops at the first damaged frame. Call this
    while a connection is open, which has written the number of good frames to the file `-shm`."""
    wal, shm = Path(f"{path}-wal"), Path(f"{path}-shm")
    size = _size(wal)
    if size <= _WAL_HEADER:
        return None
    with wal.open("rb") as file:
        header = file.read(_WAL_HEADER)
        if not _is_header(header):
            return "its WAL is broken"
        (page,), salts = struct.unpack(">I", header[8:12]), struct.unpack(">II", header[16:24])
        good = struct.unpack("=I", shm.read_bytes()[16:20])[0] if _size(shm) else 0
        for at in range(_WAL_HEADER + good * (_FRAME_HEADER + page), size - _FRAME_HEADER, _FRAME_HEADER + page):
            file.seek(at)
            _, commit, *found = struct.unpack(">IIII", file.read(16))
            older = 0 < (salts[0] - found[0]) % 2**32 < _OLDER_SALTS  # left over from before the WAL was restarted
            if commit if tuple(found) == salts else not older:
                return "its WAL is broken"
    return None


def _is_header(header: bytes) -> bool:
    """Return whether these are the first bytes of a WAL. Their checksum comes last."""
    magic, *_ = struct.unpack(">I", header[:4])
    if magic & ~1 != 0x377F0682:
        return False
    words = struct.unpack(">6I" if magic & 1 else "<6I", header[:24])
    first = second = 0
    for one, two in zip(words[::2], words[1::2], strict=True):
        first = (first + one + second) % 2**32
        second = (second + two + first) % 2**32
    return struct.unpack(">II", header[24:32]) == (first, second)


def _size(path: Path) -> int:
    return path.stat().st_size if path.is_file() else 0


# --- set aside ---------------------------------------------------------------------------------------------------------------------


def set_aside(path: Path, clock: Clock | None = None) -> Aside:
    """Rename a file, or whatever is in its place, to `<name>.broken-<UTC time>`, together with the files that SQLite keeps beside it.
    Delete all but the newest `KEPT_ASIDE` of these. Raises OSError."""
    at = (clock or SystemClock()).now()
    place = path.with_name(f"{path.name}.broken-{format_time(at, '%Y%m%dT%H%M%S')}.{at % 1000:03d}Z")
    size = 0
    for part in (path, *_beside(path)):
        if os.path.lexists(part):
            size += _total(part)
            no_file = "" if part == path or part.is_file() else ".no-file"  # otherwise SQLite would not open the file set aside
            part.rename(place.with_name(place.name + part.name.removeprefix(path.name) + no_file))
    _forget_oldest(path)
    return Aside(place, size, at)


@contextmanager
def in_place_of(path: Path) -> Iterator[Aside]:
    """Set a file aside, so that the body can make a new one in its place. If the body fails, as on a full disk, the old file is put back
    for the next try."""
    aside = set_aside(path)
    try:
        yield aside
    except BaseException:
        with suppress(OSError):
            _put_back(aside.path, path)
        raise


def _put_back(aside: Path, path: Path) -> None:
    for part, old in zip((path, *_beside(path)), (aside, *_beside(aside)), strict=True):
        _delete(part)
        if os.path.lexists(old):
            old.rename(part)


def _forget_oldest(path: Path) -> None:
    form = re.compile(rf"({re.escape(path.name)}\.broken-\d{{8}}T\d{{6}}\.\d{{3}}Z).*")
    found = [match for match in map(form.fullmatch, os.listdir(path.parent)) if match]
    kept = sorted({match[1] for match in found})[-KEPT_ASIDE:]
    for match in found:
        if match[1] not in kept:
            _delete(path.with_name(match[0]))


def _beside(path: Path) -> list[Path]:
    return [path.with_name(path.name + end) for end in BESIDE]


def _total(path: Path) -> int:
    if path.is_dir() and not path.is_symlink():
        return sum(each.lstat().st_size for each in path.rglob("*") if not each.is_dir())
    return path.lstat().st_size


def _delete(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


# --- read --------------------------------------------------------------------------------------------------------------------------


def opened_aside(path: Path, like: sqlite3.Connection) -> sqlite3.Connection:
    """Return a connection to a file that was set aside. It also reads a file that is shorter than its header says. A partial page at the
    end is cut off: SQLite would read it as rows that end with zeros. Without the first page SQLite finds no table: if it is damaged, it is
    replaced by the first page of `like`, a new file with the same tables, and the damaged one is kept beside. If there is no file, the
    connection is empty."""
    if not path.is_file():
        return sqlite3.connect(":memory:", check_same_thread=False)
    page, _ = _pages(path)
    if page and (part := path.stat().st_size % page):
        os.truncate(path, path.stat().st_size - part)
    if not _has_tables(path):
        _graft(path, like)
    db = read_only(path)
    with suppress(sqlite3.Error):
        db.execute("pragma writable_schema = on")  # affects this connection, which cannot write
    return db


def _has_tables(path: Path) -> bool:
    try:
        with closing(read_only(path)) as db:
            return bool(db.execute("select 1 from sqlite_schema limit 1").fetchall())
    except sqlite3.Error as error:
        if is_unusable(error):
            raise
        return False


def _graft(path: Path, like: sqlite3.Connection) -> None:
    (page,) = like.execute("pragma page_size").fetchone()
    pages = path.stat().st_size // page
    if pages < 2:
        return
    first = bytearray(like.serialize()[:page])
    first[28:40] = struct.pack(">III", pages, 0, 0)  # the number of pages, none of which is known to be free
    first[92:96] = first[24:28]  # marks that number as up to date
    with path.open("r+b") as file:
        path.with_name(f"{path.name}.first-page").write_bytes(file.read(page))
        file.seek(0)
        file.write(first)


def rows(db: sqlite3.Connection, table: str, below: int = _TOP) -> Iterator[tuple[int, tuple[Any, ...]]]:
    """Yield the readable rows of a table with rowids below `below`, the newest first, except for rows just below damage. Each comes with a
    rowid: all rows from there on have been read, or cannot be read.

    Reading goes downwards. Where it fails, it looks for a readable row 1, 2, 4, 8, … rowids farther down, reads upwards from there to the
    damage, so that few rows near it are lost, and continues downwards.
    """
    edge = below
    while True:
        try:
            for row in db.execute(f"select rowid, * from {table} not indexed where rowid < ? order by rowid desc", (edge,)):
                if row[0] >= edge:
                    break  # damage that looks like a valid page
                edge = row[0]
                yield edge, row[1:]
            else:
                return
        except sqlite3.Error:
            pass
        low = _farther_down(db, table, edge)
        query = f"select rowid, * from {table} not indexed where rowid > ? and rowid < ? order by rowid"
        for row in _readable(db, query, (-_TOP if low is None else low, edge)):
            yield edge, row[1:]
        if low is None:
            return
        edge = low + 1


def _farther_down(db: sqlite3.Connection, table: str, edge: int) -> int | None:
    """Return the rowid of a readable row below `edge`; None if none is found."""
    for power in range(62):
        at = edge >> (power + 1) if edge == _TOP else edge - (1 << power)
        if at <= 0:
            return None
        try:
            row = db.execute(f"select rowid from {table} not indexed where rowid < ? order by rowid desc limit 1", (at,)).fetchone()
        except sqlite3.Error:
            continue
        if row is None or row[0] < at:
            return None if row is None else int(row[0])
    return None


def keyed_rows(db: sqlite3.Connection, table: str, key: Sequence[str]) -> list[tuple[Any, ...]]:
    """Return the rows of a table without rowids that can be read from its first row on, and from its last row back."""
    found: dict[tuple[Any, ...], None] = {}
    for order in ("asc", "desc"):
        by = ", ".join(f'"{column}" {order}' for column in key)
        found |= dict.fromkeys(_readable(db, f"select * from {table} order by {by}", ()))
    return list(found)


def _readable(db: sqlite3.Connection, query: str, values: tuple[Any, ...]) -> Iterator[tuple[Any, ...]]:
    try:
        yield from db.execute(query, values)
    except sqlite3.Error:
        return
