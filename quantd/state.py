"""What outlives the daemon besides history: records with transactions, bytes that are kept, and a cache. One daemon a directory."""

import fcntl
import os
import sqlite3
from collections.abc import Iterable, Iterator, MutableMapping
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from threading import Lock
from typing import Any, Self

import diskcache
from diskcache.core import MODE_RAW, UNKNOWN
from msgspec import Struct
from msgspec.structs import astuple

from quantd.errors import QuantdError
from quantd.model import Alert, AlertState, Gap

SCHEMA_VERSION = 2
CACHE_BYTES = 256 * 1024**2
_SCHEMA = f"""
begin;
drop table if exists gaps;  -- what is missing shows again in the record
create table gaps(
    symbol text, first_id integer, last_id integer, start integer not null, "end" integer not null,
    opened integer not null, closed integer, cause text not null,
    primary key (symbol, first_id, last_id)
) strict, without rowid;
create table if not exists alert_states(
    alert_id text primary key, pair text not null, state text not null, since integer not null, id text not null
) strict, without rowid;
pragma user_version = {SCHEMA_VERSION};
commit;
"""


class StateLocked(QuantdError):
    """Another process uses the directory."""


class AlertRecord(Struct, frozen=True, gc=False):
    """Where a rule stands: `alert_id` names the rule on its pair, `id` its last firing, which began at `since`."""

    alert_id: str
    pair: str
    state: AlertState
    since: int
    id: str


class Records:
    """The SQLite file. Every method is one transaction, on disk when it returns; any thread may call."""

    def __init__(self, path: Path) -> None:
        self._lock = Lock()
        self._db = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        try:
            self._prepare(path)
        except BaseException:
            self._db.close()
            raise

    def _prepare(self, path: Path) -> None:
        self._db.execute("pragma journal_mode = wal")
        self._db.execute("pragma synchronous = full")
        (version,) = self._db.execute("pragma user_version").fetchone()
        if version > SCHEMA_VERSION:
            known = f"schema {version}; this one knows {SCHEMA_VERSION}"
            raise QuantdError(f"{path} was written by a later quantd ({known}): install that one or name another state.dir")
        if version < SCHEMA_VERSION:
            self._db.executescript(_SCHEMA)
        self._db.execute("delete from gaps where closed is not null")  # which earlier versions kept

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        """All statements or none, and no other thread's between them."""
        with self._lock:
            self._db.execute("begin immediate")
            try:
                yield
                self._db.execute("commit")
            except BaseException:
                if self._db.in_transaction:
                    self._db.execute("rollback")
                raise

    def save_gaps(self, gaps: Iterable[Gap]) -> None:
        """Of each, in order: add it, or replace what is known of the same ids; one that has closed is forgotten."""
        with self._transaction():
            for gap in gaps:
                if gap.closed is None:
                    self._db.execute("insert or replace into gaps values (?, ?, ?, ?, ?, ?, ?, ?)", astuple(gap))
                else:
                    ids = gap.symbol, gap.first_id, gap.last_id
                    self._db.execute("delete from gaps where symbol = ? and first_id = ? and last_id = ?", ids)

    def open_gaps(self, symbol: str | None = None) -> list[Gap]:
        """Gaps that nothing has closed, of one symbol or all, by symbol and ids."""
        only, values = ("", ()) if symbol is None else ("where symbol = ?", (symbol,))
        with self._lock:
            rows = self._db.execute(f"select * from gaps {only} order by symbol, first_id, last_id", values).fetchall()
        return [Gap(*row) for row in rows]

    def save_alert(self, alert: Alert) -> None:
        """Remember where the alert's rule stands now."""
        row = (alert.alert_id, alert.pair, alert.state, alert.since, alert.id)
        with self._transaction():
            self._db.execute("insert or replace into alert_states values (?, ?, ?, ?, ?)", row)

    def firing(self) -> list[AlertRecord]:
        """The rules that fire, by alert_id."""
        with self._lock:
            rows = self._db.execute("select alert_id, pair, state, since, id from alert_states where state = 'firing' order by alert_id")
            return [AlertRecord(*row) for row in rows]

    def close(self) -> None:
        self._db.close()


class BytesDisk(diskcache.Disk):  # type: ignore[misc]
    """Keeps str keys and bytes values inside diskcache's SQLite file and refuses all else.

    The stock Disk unpickles whatever stands in the file and follows the file names it finds there (CVE-2025-69872).
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
        """Nothing: no row of ours has a file, and a planted name must not delete one."""

    def _foreign(self) -> QuantdError:
        return QuantdError(
            f"{self._directory} holds what quantd did not write: stop quantd, see who can write there, and delete the directory"
        )


class Shelf(MutableMapping[str, bytes]):
    """Those of the kept values whose keys begin with a prefix of their own, which the user of it does not see."""

    def __init__(self, kept: diskcache.Cache, prefix: str) -> None:
        self._kept = kept
        self._prefix = prefix

    def __getitem__(self, key: str) -> bytes:
        value: bytes = self._kept[self._prefix + key]
        return value

    def __setitem__(self, key: str, value: bytes) -> None:
        self._kept[self._prefix + key] = value

    def __delitem__(self, key: str) -> None:
        del self._kept[self._prefix + key]

    def __iter__(self) -> Iterator[str]:
        return (key.removeprefix(self._prefix) for key in self._kept if key.startswith(self._prefix))

    def __len__(self) -> int:
        return sum(1 for _ in self)


class State:
    """An open state directory. `cache` forgets what was used least recently, `kept` nothing; both map str to bytes.

    Open diskcache nowhere else: a Cache does not remember its Disk, and the stock one unpickles.
    """

    def __init__(self, directory: Path, opened: ExitStack) -> None:
        self.records = opened.enter_context(closing(Records(directory / "quantd.db")))
        self.cache = opened.enter_context(closing(_blobs(directory / "cache", "least-recently-used", CACHE_BYTES)))
        self.kept = opened.enter_context(closing(_blobs(directory / "kept", "none", 2**62, cull_limit=0, sqlite_synchronous=2)))
        self._opened = opened.pop_all()

    @classmethod
    def open(cls, directory: Path) -> Self:
        """Lock the directory, made if need be, and open what is in it.

        Raises StateLocked while another process uses it, QuantdError where it cannot be written or read.
        """
        with _explained(directory), ExitStack() as opened:
            directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            directory.chmod(0o700)
            opened.enter_context(_locked(directory))
            return cls(directory, opened)

    def close(self) -> None:
        """Close all and give up the lock; a second call does nothing."""
        self._opened.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _blobs(directory: Path, eviction: str, size_limit: int, **settings: int) -> diskcache.Cache:
    return diskcache.Cache(str(directory), disk=BytesDisk, eviction_policy=eviction, size_limit=size_limit, **settings)


@contextmanager
def _explained(directory: Path) -> Iterator[None]:
    try:
        yield
    except (OSError, sqlite3.Error) as error:
        text = f"cannot use the state directory {directory}: {error}: mend it or name another state.dir"
        raise QuantdError(text) from error


@contextmanager
def _locked(directory: Path) -> Iterator[None]:
    """Hold `lock` in the directory; the kernel lets go of it when the process ends, however it ends."""
    path = directory / "lock"
    with os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT, 0o600), "r+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = file.read().strip() or "unknown"
            raise StateLocked(f"{path} is held by process {holder}: stop that quantd or name another state.dir") from None
        file.truncate(0)
        file.write(f"{os.getpid()}\n")
        file.flush()
        yield
