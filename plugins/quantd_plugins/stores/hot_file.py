"""The file `hot.db`: one writer, readers beside it, and its replacement after damage."""

import os
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from threading import Lock
from typing import TypeVar

import quantd
from quantd import salvage
from quantd_plugins.stores import rescue
from quantd_plugins.stores.beside import BesideThread

CHECKED = 256 * 1024**2
"""Largest file in bytes that is checked at the start, which takes a second at most; a larger one is checked in the background."""
RESCUE_S = 10.0
"""Seconds that a start waits for the rows of a broken file; the rest is copied in the background, at half of a core."""
_STEPS = 100_000
T = TypeVar("T")


class HotFile:
    """A SQLite file with a schema. If it is found broken, at the start or later, it is set aside and replaced by a new one with the
    rows that can be read of the old one.
    """

    def __init__(self, path: Path, schema: str) -> None:
        self._path = path
        self._schema = schema
        self._reads_only = False
        self._clock = quantd.SystemClock()
        self._writing = Lock()
        self._broken: str | None = None
        """The damage found, until another file has replaced this one: the replacement may fail for now, for example on a full disk."""
        self._generation = 0
        """Number of files that have replaced a broken one."""
        self._rescues: list[rescue.Rescue] = []
        """The rescues of broken files, newest first."""
        self._losses: list[quantd.Loss] = []
        self._beside = BesideThread(path, self._look_through, self._steps)

    def open(self) -> None:
        """Open the file. Raises StateUnusable if it cannot be written for now, StateNewer if a later version has written it."""
        with self._explained("open"):
            self._make_folder()
            broken = salvage.fault(self._path, CHECKED)
            if broken is None:
                try:
                    self._db = self._connected()
                except sqlite3.Error as error:
                    if salvage.is_unusable(error):
                        raise
                    broken = str(error)
            if broken:
                self._start_anew(broken)
            else:
                self._rescues = rescue.begun(self._db, self._path.parent)
            self._rescue_for(RESCUE_S)
            rescue.forget_finished(self._db)
            if self._rescues or self._path.stat().st_size > CHECKED:
                self._beside.start(check=broken is None)

    def _make_folder(self) -> None:
        folder = self._path.parent
        if os.path.lexists(folder) and not folder.is_dir():
            aside = salvage.set_aside(folder)
            self._losses.append(quantd.Loss(folder.name, f"it is no directory. It was set aside as {aside}", aside.at))
        folder.mkdir(parents=True, exist_ok=True)

    def open_to_read(self) -> None:
        """Open the file for reading, beside a daemon that may be writing. Raises StateUnusable if it cannot be read."""
        self._reads_only = True
        with self._explained("read"):
            self._db = salvage.read_only(self._path)
            self._db.execute("SELECT 1 FROM bars LIMIT 1")

    @contextmanager
    def _explained(self, what: str) -> Iterator[None]:
        try:
            yield
        except (OSError, sqlite3.Error) as error:
            cure = "start the daemon, which sets it aside" if salvage.is_broken(error) else "check `dir`, its owner and the disk"
            raise quantd.StateUnusable(f"store local: cannot {what} {self._path}: {error}: {cure}") from error

    def _connected(self) -> sqlite3.Connection:
        db = sqlite3.connect(self._path, isolation_level=None, check_same_thread=False)
        try:
            (version,) = db.execute("PRAGMA user_version").fetchone()
            if version:
                raise quantd.StateNewer(f"store local: {self._path} was written by a later quantd: install that one or name another `dir`")
            db.executescript(self._schema)
        except BaseException:
            db.close()
            raise
        return db

    # rows

    def write(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """Run the work in one transaction; it may be called twice. Raises sqlite3.Error."""
        with self._writing:
            if self._broken is None:
                try:
                    return self._at_once(work)
                except sqlite3.Error as error:
                    if not salvage.is_broken(error):
                        raise
                    self._broken = str(error)
            self._start_anew(self._broken)
            done = self._at_once(work)
        self._beside.start()
        return done

    def _at_once(self, work: Callable[[sqlite3.Connection], T]) -> T:
        self._db.execute("BEGIN IMMEDIATE")
        try:
            done = work(self._db)
            self._db.execute("COMMIT")
        except BaseException:
            if self._db.in_transaction:
                self._db.execute("ROLLBACK")
            raise
        return done

    def read(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """Run the work with a connection of its own, so that no reader waits for the writer. It may be called twice. Raises
        sqlite3.Error.
        """
        seen = self._generation
        try:
            return self._read(work)
        except sqlite3.Error as error:
            if self._reads_only:
                with self._explained("read"):
                    raise
            self._mend(seen, error)
        return self._read(work)

    def _read(self, work: Callable[[sqlite3.Connection], T]) -> T:
        with closing(salvage.read_only(self._path)) as db:
            return work(db)

    def compact(self) -> None:
        """Write the file anew without the space of deleted rows, in one transaction. Needs as much free space. Raises sqlite3.Error."""
        with self._writing:
            self._db.execute("VACUUM")
            self._db.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    def size(self) -> int:
        """Return the size of the file and of its WAL, bytes."""
        return sum(part.stat().st_size for part in (self._path, Path(f"{self._path}-wal")) if part.is_file())

    def close(self) -> None:
        """Close the file. Rows of a broken file that are not yet copied are copied after the next start."""
        self._beside.stop()
        self._db.close()

    # damage

    def losses(self) -> Sequence[quantd.Loss]:
        """Return the damage found in this run, and how far the rows are copied."""
        return [*self._losses, *(each.loss for each in self._rescues[:1])]

    def tell_damage(self, kind: quantd.RowKind) -> None:
        """Report rows that SQLite can read, but that are not valid rows of this kind. Raises StateUnusable if the file is open for
        reading only.
        """
        if self._reads_only:
            raise quantd.StateUnusable(f"store local: {self._path} holds {kind} that are damaged: ask for the time before or after them")
        file = f"{self._path.name} ({kind})"
        if file not in [loss.file for loss in self._losses]:
            text = "some rows are damaged where SQLite does not notice: they are left out"
            self._losses.append(quantd.Loss(file, text, self._clock.now()))

    def _mend(self, seen: int, error: sqlite3.Error) -> None:
        """Replace the file after an error of a reader that saw generation `seen`, unless it has been replaced already, or the error is
        no damage.
        """
        with self._writing:
            if self._generation == seen:
                if not salvage.is_broken(error):
                    raise error
                self._start_anew(str(error))
        self._beside.start()

    def _start_anew(self, broken: str) -> None:
        self._broken = broken
        if hasattr(self, "_db"):
            self._db.close()
        with salvage.in_place_of(self._path) as aside, ExitStack() as opened:
            self._db = opened.enter_context(closing(self._connected()))
            for each in self._rescues:  # their progress was stored in the broken file
                each.keep(self._db)
            rescue.begin(self._db, aside, f"broken: {broken}. It was set aside as {aside}")
            opened.pop_all()
        self._broken = None
        self._generation += 1
        self._rescues = rescue.begun(self._db, self._path.parent)

    def _rescue_for(self, seconds: float) -> None:
        until = self._clock.monotonic() + seconds
        for _ in self._steps():
            if self._clock.monotonic() > until:
                return

    def _steps(self) -> Iterator[None]:
        for each in list(self._rescues):
            yield from each.steps(self.write, self._schema)

    def _look_through(self, is_closing: Callable[[], bool]) -> None:
        seen = self._generation
        with closing(salvage.read_only(self._path)) as db:
            db.set_progress_handler(lambda: int(is_closing()), _STEPS)
            broken = salvage.quick_check(db)
        if broken:
            damage = sqlite3.DatabaseError(broken)
            damage.sqlite_errorcode = sqlite3.SQLITE_CORRUPT
            self._mend(seen, damage)
