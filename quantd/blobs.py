"""Maps names to bytes in a diskcache directory. The values survive a restart, and also damage to its file."""

import logging
import os
import sqlite3
from collections.abc import Callable, Iterator, MutableMapping
from contextlib import ExitStack, closing
from pathlib import Path
from threading import Lock
from typing import Any, TypeVar

import diskcache
import msgspec
from diskcache.core import MODE_RAW, UNKNOWN

from quantd import salvage
from quantd.errors import QuantdError
from quantd.supervision.losses import Losses

T = TypeVar("T")
DISK_FAILS = (sqlite3.Error, diskcache.Timeout, OSError)
"""What is raised while the disk fails."""
_TOLD = 200
"""Number of bytes of a broken value that are logged."""
_log = logging.getLogger("quantd.state")
_OURS = "raw = 1 and mode = 1 and filename is null and typeof(key) = 'text' and typeof(value) = 'blob'"
"""SQL condition for a row of ours, whose value is in the row itself."""


def recalled(kept: MutableMapping[str, bytes], key: str, kind: type[T], check: Callable[[T], None] = lambda value: None) -> T | None:
    """Decode a kept value as JSON of this type; return None if there is none. A value that is broken, or for which `check` raises
    ValueError, is logged and deleted."""
    value = kept.get(key)
    if value is None:
        return None
    try:
        found = msgspec.json.decode(value, type=kind)
        check(found)
        return found
    except (msgspec.DecodeError, ValueError) as error:
        _log.error("what was kept as %s is broken, and is let go: %s: %r", key, error, value[:_TOLD])
    kept.pop(key, None)
    return None


class BytesDisk(diskcache.Disk):  # type: ignore[misc]
    """Stores str keys and bytes values in diskcache's SQLite file and refuses all others.

    The stock Disk unpickles whatever is in the file and follows the file names it finds there (CVE-2025-69872).
    """

    def put(self, key: Any) -> tuple[str, bool]:
        if type(key) is not str:
            raise TypeError(f"a key of the state must be a str, not {type(key).__name__}")
        return key, True

    def get(self, key: Any, raw: bool) -> str:
        if not raw or type(key) is not str:
            raise self._foreign()
        return key

    def store(self, value: Any, read: bool, key: Any = UNKNOWN) -> tuple[int, int, None, memoryview]:
        if read or type(value) is not bytes:
            raise TypeError(f"a value of the state must be bytes, not {'a file' if read else type(value).__name__}")
        return 0, MODE_RAW, None, memoryview(value)

    def fetch(self, mode: int, filename: str | None, value: Any, read: bool) -> bytes:
        if read or mode != MODE_RAW or filename is not None or type(value) is not bytes:
            raise self._foreign()
        return value

    def remove(self, file_path: str) -> None:
        """Do nothing: no row of ours has a file, and a planted name must not delete one."""

    def _foreign(self) -> QuantdError:
        return QuantdError(
            f"{self._directory} holds what quantd did not write: stop quantd, see who can write there, and delete the directory"
        )


class Blobs(MutableMapping[str, bytes]):
    """The values in a directory that diskcache opens with `settings`. A file that is found broken, at the start or later, is set aside, and
    its readable values go into a new file. `lost` says what else is lost. Any thread may call."""

    def __init__(self, directory: Path, lost: str, losses: Losses, **settings: Any) -> None:
        self._directory = directory
        self._file = directory / diskcache.core.DBNAME
        self._lost = lost
        self._losses = losses
        self._settings = settings
        self._lock = Lock()
        if os.path.lexists(directory) and not directory.is_dir():
            losses.found(directory.name, f"it is no directory. It was set aside as {salvage.set_aside(directory)}. {lost}", record=False)
        if broken := salvage.fault(self._file) or _foreign(self._file):
            self._start_anew(broken)
        else:
            self._open()

    def _open(self) -> None:
        """Open the directory. Raises sqlite3.Error and OSError if the file cannot be used for now."""
        try:
            self.cache = diskcache.Cache(str(self._directory), disk=BytesDisk, **self._settings)
        except (sqlite3.Error, ValueError, TypeError) as error:  # a damaged file may hold invalid settings
            if salvage.is_unusable(error):
                raise
            self._start_anew(str(error))

    def _start_anew(self, broken: str) -> None:
        left = 0
        with salvage.in_place_of(self._file) as aside, ExitStack() as opened:
            self.cache = opened.enter_context(closing(diskcache.Cache(str(self._directory), disk=BytesDisk, **self._settings)))
            with self.cache.transact():
                for key, value in _values(aside, self.cache._con):
                    self.cache.set(key, value)
                    left += 1
            opened.pop_all()
        text = f"broken: {broken}. It was set aside as {aside}; {left} of its values could be read and are kept. {self._lost}"
        self._losses.found(f"{self._directory.name}/{self._file.name}", text, record=False)

    def _do(self, work: Callable[[diskcache.Cache], T]) -> T:
        cache = self.cache
        try:
            return work(cache)
        except sqlite3.Error as error:
            if not salvage.is_broken(error):
                raise
            with self._lock:
                if cache is self.cache:  # no other thread has been faster
                    cache.close()
                    self._start_anew(str(error))
            return work(self.cache)

    def __getitem__(self, key: str) -> bytes:
        value: bytes = self._do(lambda cache: cache[key])
        return value

    def __setitem__(self, key: str, value: bytes) -> None:
        self._do(lambda cache: cache.set(key, value))

    def __delitem__(self, key: str) -> None:
        self._do(lambda cache: cache.__delitem__(key))

    def __iter__(self) -> Iterator[str]:
        return iter(self._do(list[str]))

    def __len__(self) -> int:
        return self._do(len)

    def close(self) -> None:
        self.cache.close()


def _foreign(file: Path) -> str | None:
    """Return what is wrong with a file that SQLite reads but that has contents of another program; None if nothing is."""
    if not file.exists():
        return None
    try:
        with closing(salvage.read_only(file)) as db:
            (count,) = db.execute(f"select count(*) from Cache where not ({_OURS})").fetchone()
    except sqlite3.Error as error:
        if salvage.is_unusable(error):
            raise
        return str(error)
    return f"it holds {count} values that quantd did not write: see who can write there" if count else None


def _values(aside: salvage.Aside, like: sqlite3.Connection) -> Iterator[tuple[str, bytes]]:
    """Yield the readable rows of ours in a broken file."""
    with closing(salvage.opened_aside(aside.path, like)) as db:
        for _, (_, key, raw, *_, mode, filename, value) in salvage.rows(db, "Cache"):
            if raw == 1 and mode == MODE_RAW and filename is None and type(key) is str and type(value) is bytes:
                yield key, value
