"""The SQLite file of the records. A file that is found broken is set aside, and its readable rows go into a new one."""

import logging
import sqlite3
from collections.abc import Callable
from contextlib import ExitStack, closing
from pathlib import Path
from threading import Lock
from typing import Any, TypeVar

import msgspec

from quantd import salvage
from quantd.state.schema import connected, take_over
from quantd.supervision.losses import Losses

T = TypeVar("T")
_log = logging.getLogger("quantd.state")
_LOST = (
    "Rules that were firing may fire again, and alerts that waited for a sink may be lost; the record is looked through at a start for "
    "what is missing"
)
_ANEW = 1
"""The application_id of a file that replaced a broken one during a run. It is reset once the next start has searched for the gaps that were
lost with the broken file."""


class File:
    """An open file. Each call is one transaction, which is on disk when the call returns. Any thread may call. Without a path, everything
    is in memory."""

    def __init__(self, path: Path | None, losses: Losses) -> None:
        self._path = path
        self._losses = losses
        self._lock = Lock()
        self._broken: str | None = None
        """What was found broken, until another file replaces this one. The replacement may fail for now, as on a full disk."""
        self.db = self._opened(path) if path else connected(":memory:")

    def _opened(self, path: Path) -> sqlite3.Connection:
        """Open the file. Raises sqlite3.Error and OSError if it cannot be used for now, StateNewer if a later version made it."""
        broken = salvage.fault(path)
        if broken is None:
            try:
                return self._known(connected(path), path)
            except sqlite3.Error as error:
                if salvage.is_unusable(error):
                    raise
                broken = str(error)
        return self._anew(broken, path)

    def _known(self, db: sqlite3.Connection, path: Path) -> sqlite3.Connection:
        (mark,) = db.execute("pragma application_id").fetchone()
        if mark == _ANEW:
            self._losses.found(path.name, f"was broken, and made anew, in the run before. {_LOST}")
            db.execute("pragma application_id = 0")
        return db

    def _anew(self, broken: str, path: Path) -> sqlite3.Connection:
        with salvage.in_place_of(path) as aside, ExitStack() as opened:
            db = opened.enter_context(closing(connected(path)))
            counts = ", ".join(f"{count} of {table}" for table, count in take_over(aside, db).items())
            opened.pop_all()
        text = f"broken: {broken}. It was set aside as {aside}; rows that could be read and are kept: {counts}. {_LOST}"
        self._losses.found(path.name, text)
        return db

    def do(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """Run `work` as one transaction, which no other thread interrupts."""
        with self._lock:
            if self._broken is None:
                try:
                    return _at_once(self.db, work)
                except sqlite3.Error as error:
                    if self._path is None or not salvage.is_broken(error):
                        raise
                    self._broken = str(error)
            assert self._path is not None
            self.db.close()
            self.db = self._anew(self._broken, self._path)
            self._broken = None
            self.db.execute(f"pragma application_id = {_ANEW}")
            return _at_once(self.db, work)

    def read(self, query: str, values: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
        """Return the rows of a query."""
        return self.do(lambda db: db.execute(query, values).fetchall())

    def close(self) -> None:
        """Close the file once no transaction runs any more: to close it under another thread would crash the process."""
        with self._lock:
            self.db.close()


def _at_once(db: sqlite3.Connection, work: Callable[[sqlite3.Connection], T]) -> T:
    db.execute("begin immediate")
    try:
        done = work(db)
        db.execute("commit")
    except BaseException:
        if db.in_transaction:
            db.execute("rollback")
        raise
    return done


def decoded(blob: bytes, kind: type[T]) -> T | None:
    """Decode JSON of the records; return None if it is broken, which is logged."""
    try:
        return msgspec.json.decode(blob, type=kind)
    except (msgspec.DecodeError, TypeError, ValueError) as error:
        _log.error("a record is broken, and is left out: %s: %r", error, blob[:200])
        return None
