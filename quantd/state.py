"""The state directory: records with transactions, kept values, and a cache. Only one daemon uses a directory at a time."""

import fcntl
import logging
import os
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Mapping, MutableMapping
from contextlib import ExitStack, closing, contextmanager, suppress
from pathlib import Path
from threading import Lock
from typing import Any, Self, TypeVar

import msgspec
from msgspec.structs import astuple

from quantd import salvage
from quantd.blobs import DISK_FAILS, Blobs
from quantd.errors import StateLocked, StateNewer, StateUnusable
from quantd.model import Alert, Gap
from quantd.rule_state import RuleState
from quantd.supervision.losses import Losses
from quantd.supervision.troubles import Troubles

T = TypeVar("T")
SCHEMA_VERSION = 5
CACHE_BYTES = 256 * 1024**2
_CACHE = {"eviction_policy": "least-recently-used", "size_limit": CACHE_BYTES}
_KEPT = {"eviction_policy": "none", "size_limit": 2**62, "cull_limit": 0, "sqlite_synchronous": 2}
_NOTHING = "Nothing else is lost: it fills again"
_RULES = "Alert rules made by request may be lost: compare GET /alerts with what you have made"
FIRINGS_KEPT = 1_000
_log = logging.getLogger("quantd.state")
_NEW_GAPS = "drop table if exists gaps;"
"""Drops the gaps of schema 1. Missing trades show again in the record."""
_RULE_STATES = """
insert or ignore into rule_states select alert_id, state = 'firing', since, id, 1, null, 0 from alert_states;
drop table alert_states;
"""
"""Converts the states of schemas before 4, which stored them in another table."""
_SCHEMA = f"""
create table if not exists gaps(
    symbol text, first_id integer, last_id integer, start integer not null, "end" integer not null,
    opened integer not null, closed integer, cause text not null,
    primary key (symbol, first_id, last_id)
) strict, without rowid;
create table if not exists rule_states(
    rule text primary key, holds integer not null, since integer, firing text not null, times integer not null,
    triggered_at integer, trigger_count integer not null
) strict, without rowid;
create table if not exists firings(
    number integer primary key, id text not null, alert_id text not null, rule text not null, pair text not null, state text not null,
    value any, threshold any, since integer not null, ts integer not null, text text not null, metric text not null, bar integer
) strict;
create table if not exists alert_rules(rule text primary key, state blob not null) strict, without rowid;
create table if not exists fired(number integer primary key, alert blob not null) strict;
pragma user_version = {SCHEMA_VERSION};
"""
_LOST = "Rules that were firing may fire again; the record is looked through at a start for what is missing"
_ANEW = 1
"""The application_id of a file that replaced a broken one during a run. It is reset once the next start has searched for the gaps that were
lost with the broken file."""
_TABLES = {"gaps": 8, "alert_rules": 2, "fired": 2}
"""The number of columns of each table."""


class Records:
    """The SQLite file. Each method is one transaction, which is on disk when the method returns. Any thread may call. A file that is found
    broken, at the start or later, is set aside, and its readable rows go into a new file."""

    def __init__(self, path: Path, losses: Losses) -> None:
        self._path = path
        self._losses = losses
        self._lock = Lock()
        self._broken: str | None = None
        """What was found broken, until another file replaces this one. The replacement may fail for now, as on a full disk."""
        self._db = self._opened()

    def _opened(self) -> sqlite3.Connection:
        """Open the file. Raises sqlite3.Error and OSError if it cannot be used for now, StateNewer if a later version made it."""
        broken = salvage.fault(self._path)
        if broken is None:
            try:
                return self._known(_connected(self._path))
            except sqlite3.Error as error:
                if salvage.is_unusable(error):
                    raise
                broken = str(error)
        return self._anew(broken)

    def _known(self, db: sqlite3.Connection) -> sqlite3.Connection:
        (mark,) = db.execute("pragma application_id").fetchone()
        if mark == _ANEW:
            self._losses.found(self._path.name, f"was broken, and made anew, in the run before. {_LOST}")
            db.execute("pragma application_id = 0")
        return db

    def _anew(self, broken: str) -> sqlite3.Connection:
        with salvage.in_place_of(self._path) as aside, ExitStack() as opened:
            db = opened.enter_context(closing(_connected(self._path)))
            counts = ", ".join(f"{count} of {table}" for table, count in _taken_over(aside, db).items())
            opened.pop_all()
        text = f"broken: {broken}. It was set aside as {aside}; rows that could be read and are kept: {counts}. {_LOST}"
        self._losses.found(self._path.name, text)
        return db

    def _do(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """Run `work` as one transaction, which no other thread interrupts."""
        with self._lock:
            if self._broken is None:
                try:
                    return _at_once(self._db, work)
                except sqlite3.Error as error:
                    if not salvage.is_broken(error):
                        raise
                    self._broken = str(error)
            self._db.close()
            self._db = self._anew(self._broken)
            self._broken = None
            self._db.execute(f"pragma application_id = {_ANEW}")
            return _at_once(self._db, work)

    def save_gaps(self, gaps: Iterable[Gap]) -> None:
        """Save gaps in order: each is added, or replaces the gap of the same ids. A gap that has closed is deleted."""
        changed = list(gaps)

        def save(db: sqlite3.Connection) -> None:
            for gap in changed:
                if gap.closed is None:
                    db.execute("insert or replace into gaps values (?, ?, ?, ?, ?, ?, ?, ?)", astuple(gap))
                else:
                    ids = gap.symbol, gap.first_id, gap.last_id
                    db.execute("delete from gaps where symbol = ? and first_id = ? and last_id = ?", ids)

        self._do(save)

    def open_gaps(self, symbol: str | None = None) -> list[Gap]:
        """Return the open gaps of one symbol or all, by symbol and ids."""
        only, values = ("", ()) if symbol is None else ("where symbol = ?", (symbol,))
        return [Gap(*row) for row in self._read(f"select * from gaps {only} order by symbol, first_id, last_id", values)]

    def _read(self, query: str, values: tuple[str, ...] = ()) -> list[tuple[Any, ...]]:
        return self._do(lambda db: db.execute(query, values).fetchall())

    def save_alerts(self, states: Mapping[str, RuleState | None], fired: Iterable[Alert] = (), *, cleared: bool = False) -> None:
        """Write the states of rules, by the id of the rule; None deletes a state. `cleared` deletes all earlier firings. Then add the
        firings `fired`, oldest first; the latest 1,000 are kept."""
        changed = [(rule, msgspec.json.encode(state)) for rule, state in states.items() if state]
        rows = [(None, msgspec.json.encode(alert)) for alert in fired]
        gone = [(rule,) for rule, state in states.items() if state is None]

        def save(db: sqlite3.Connection) -> None:
            db.executemany("delete from alert_rules where rule = ?", gone)
            if cleared:
                db.execute("delete from fired")
            db.executemany("insert or replace into alert_rules values (?, ?)", changed)
            db.executemany("insert into fired values (?, ?)", rows)
            db.execute("delete from fired where number <= (select max(number) from fired) - ?", (FIRINGS_KEPT,))

        self._do(save)

    def firings(self) -> list[Alert]:
        """Return the firings, in the order in which they were saved."""
        return [msgspec.json.decode(blob, type=Alert) for (blob,) in self._read("select alert from fired order by number")]

    def rule_states(self) -> dict[str, RuleState]:
        """Return the states of rules, by the rule's id."""
        rows = self._read("select rule, state from alert_rules order by rule")
        return {rule: msgspec.json.decode(blob, type=RuleState) for rule, blob in rows}

    def close(self) -> None:
        self._db.close()


def _connected(path: Path) -> sqlite3.Connection:
    db = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    try:
        _prepare(db, path)
    except BaseException:
        db.close()
        raise
    return db


def _prepare(db: sqlite3.Connection, path: Path) -> None:
    db.execute("pragma journal_mode = wal")
    db.execute("pragma synchronous = full")
    (version,) = db.execute("pragma user_version").fetchone()
    if version > SCHEMA_VERSION:
        known = f"schema {version}; this one knows {SCHEMA_VERSION}"
        raise StateNewer(f"{path} was written by a later quantd ({known}): install that one or name another state.dir")
    if version < SCHEMA_VERSION:
        taken_over = _RULE_STATES if _has_table(db, "alert_states") else ""
        db.executescript(f"begin; {_NEW_GAPS if version < 2 else ''} {_SCHEMA} {taken_over} commit;")
    db.execute("delete from gaps where closed is not null")  # written by earlier versions
    for table in _TABLES:
        db.execute(f"select * from {table} limit 1").fetchall()


def _has_table(db: sqlite3.Connection, name: str) -> bool:
    return bool(db.execute("select 1 from sqlite_master where type = 'table' and name = ?", (name,)).fetchall())


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


def _taken_over(broken: salvage.Aside, db: sqlite3.Connection) -> dict[str, int]:
    """Copy the readable rows of a broken file into `db`. Return the number of rows of each table."""
    with closing(salvage.opened_aside(broken.path, db)) as old:
        found = {
            "gaps": salvage.keyed_rows(old, "gaps", ("symbol", "first_id", "last_id")),
            "rule_states": salvage.keyed_rows(old, "rule_states", ("rule",)) + _earlier_states(old),
            "firings": [row for _, row in salvage.rows(old, "firings")],
        }
    before = db.total_changes
    counts = {}
    db.execute("begin")
    for table, rows in found.items():
        good = [row for row in rows if len(row) == _TABLES[table]]
        for row in good:
            with suppress(sqlite3.IntegrityError):
                db.execute(f"insert or ignore into {table} values ({', '.join('?' * len(row))})", row)
        counts[table], before = db.total_changes - before, db.total_changes
    db.execute("commit")
    return counts


def _earlier_states(old: sqlite3.Connection) -> list[tuple[Any, ...]]:
    """Return the states of rules in a broken file of a schema before 4."""
    rows = [row for row in salvage.keyed_rows(old, "alert_states", ("alert_id",)) if len(row) == 5]
    return [(rule, int(state == "firing"), since, firing, 1, None, 0) for rule, _, state, since, firing in rows]


@contextmanager
def tried_again(troubles: Troubles, name: str) -> Iterator[None]:
    """Guard a write that is retried later if the disk fails now; the caller keeps the data. Until the write succeeds, `name` is reported in
    the log and in `troubles`."""
    try:
        yield
    except DISK_FAILS as error:
        why = str(error) or type(error).__name__  # diskcache's Timeout has no text; a full disk raises it, too
        text = f"cannot be written now, and a restart would forget them: {why}: see to the disk of state.dir"
        if troubles.begin("disk", name, text):
            _log.error("%s %s", name, text)
    else:
        if troubles.end("disk", name):
            _log.info("%s are written again", name)


class Prefixed(MutableMapping[str, bytes]):
    """The kept values whose keys begin with a prefix. Callers use keys without the prefix."""

    def __init__(self, kept: MutableMapping[str, bytes], prefix: str) -> None:
        self._kept = kept
        self._prefix = prefix

    def __getitem__(self, key: str) -> bytes:
        return self._kept[self._prefix + key]

    def __setitem__(self, key: str, value: bytes) -> None:
        self._kept[self._prefix + key] = value

    def __delitem__(self, key: str) -> None:
        del self._kept[self._prefix + key]

    def __iter__(self) -> Iterator[str]:
        return (key.removeprefix(self._prefix) for key in self._kept if key.startswith(self._prefix))

    def __len__(self) -> int:
        return sum(1 for _ in self)


class State:
    """An open state directory. `cache` evicts the least recently used values, `kept` evicts nothing; both map str to bytes.

    Open diskcache nowhere else: a Cache does not remember its Disk, and the stock one unpickles.
    """

    def __init__(self, directory: Path, losses: Losses, opened: ExitStack) -> None:
        self.records = opened.enter_context(closing(Records(directory / "quantd.db", losses)))
        self.cache = opened.enter_context(closing(Blobs(directory / "cache", _NOTHING, losses, **_CACHE)))
        self.kept = opened.enter_context(closing(Blobs(directory / "kept", _RULES, losses, **_KEPT)))
        self._opened = opened.pop_all()

    @classmethod
    def open(cls, directory: Path, losses: Losses | None = None) -> Self:
        """Lock the directory, which is created if needed, and open its files. Broken files are set aside, replaced, and reported to
        `losses`.

        Raises StateLocked while another process uses it, StateUnusable if it cannot be written or read, and StateNewer if a later version
        has written it.
        """
        with _explained(directory), ExitStack() as opened:
            directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            directory.chmod(0o700)
            opened.enter_context(_locked(directory))
            found = losses or Losses()
            _make_room(directory, found)
            return cls(directory, found, opened)

    def close(self) -> None:
        """Close all files and release the lock. A second call does nothing."""
        self._opened.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _make_room(directory: Path, losses: Losses) -> None:
    """Create the directories that other parts use: compiled kernels, and raw frames."""
    for path in (directory / "kernels", directory / "raw"):
        if os.path.lexists(path) and not path.is_dir():
            losses.found(
                path.name, f"it is no directory. It was set aside as {salvage.set_aside(path)}. Nothing else is lost", record=False
            )


@contextmanager
def _explained(directory: Path) -> Iterator[None]:
    try:
        yield
    except (OSError, sqlite3.Error) as error:
        text = f"cannot use the state directory {directory}: {error}: mend it or name another state.dir"
        raise StateUnusable(text) from error


@contextmanager
def _locked(directory: Path) -> Iterator[None]:
    """Hold a lock on the file `lock` in the directory. The kernel releases it when the process ends, however it ends."""
    path = directory / "lock"
    if path.is_dir():
        salvage.set_aside(path)
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
