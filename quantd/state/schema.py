"""The tables of the records, and their conversion from earlier versions."""

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import msgspec

from quantd import salvage
from quantd.errors import StateNewer
from quantd.model import Alert
from quantd.rule_state import RuleState

SCHEMA_VERSION = 5
_NEW_GAPS = "drop table if exists gaps;"
"""Drops the gaps of schema 1. Missing trades show again in the record."""
_SCHEMA = f"""
create table if not exists gaps(
    symbol text, first_id integer, last_id integer, start integer not null, "end" integer not null,
    opened integer not null, closed integer, cause text not null,
    primary key (symbol, first_id, last_id)
) strict, without rowid;
create table if not exists alert_rules(rule text primary key, state blob not null) strict, without rowid;
create table if not exists places(name text primary key, "end" integer not null) strict, without rowid;
create table if not exists fired(number integer primary key, alert blob not null) strict;
create table if not exists kept(name text, key text, value blob not null, primary key (name, key)) strict, without rowid;
create table if not exists deliveries(
    number integer primary key, sink text not null, key text not null, lane text not null, state text not null, tries integer not null,
    made integer not null, due integer not null, reason text not null, batch integer, message blob not null
) strict;
create unique index if not exists by_key on deliveries(sink, key);
create index if not exists in_order on deliveries(state, sink, lane, number);
create index if not exists by_time on deliveries(state, due);
pragma user_version = {SCHEMA_VERSION};
"""
TABLES = {"gaps": 8, "alert_rules": 2, "places": 2, "fired": 2, "kept": 3, "deliveries": 11}
"""The number of columns of each table."""
_KEYS = {
    "gaps": ("symbol", "first_id", "last_id"),
    "alert_rules": ("rule",),
    "places": ("name",),
    "kept": ("name", "key"),
    "rule_states": ("rule",),
    "alert_states": ("alert_id",),
}
"""The keys of the tables without rowids; of earlier versions, too."""
_EARLIER = {"rule_states": 7, "alert_states": 5, "firings": 13}
"""The tables of earlier versions, and the number of their columns."""
Rows = dict[str, list[tuple[Any, ...]]]


def connected(path: Path | str) -> sqlite3.Connection:
    """Open a file of records, which is made or converted if needed. Raises StateNewer if a later version has written it."""
    db = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    try:
        _prepare(db, path)
    except BaseException:
        db.close()
        raise
    return db


def _prepare(db: sqlite3.Connection, path: Path | str) -> None:
    db.execute("pragma journal_mode = wal")
    db.execute("pragma synchronous = full")
    (version,) = db.execute("pragma user_version").fetchone()
    if version > SCHEMA_VERSION:
        known = f"schema {version}; this one knows {SCHEMA_VERSION}"
        raise StateNewer(f"{path} was written by a later quantd ({known}): install that one or name another state.dir")
    if version < SCHEMA_VERSION:
        _convert(db, version)
    db.execute("delete from gaps where closed is not null")  # written by earlier versions
    for table in TABLES:
        db.execute(f"select * from {table} limit 1").fetchall()


def _convert(db: sqlite3.Connection, version: int) -> None:
    earlier = {table: db.execute(f"select * from {table}").fetchall() for table in _EARLIER if _has_table(db, table)}
    db.executescript(f"begin; {_NEW_GAPS if version < 2 else ''} {_SCHEMA}")
    for table, rows in _converted(earlier).items():
        insert(db, table, rows)
    for table in earlier:
        db.execute(f"drop table {table}")
    db.execute("commit")


def _has_table(db: sqlite3.Connection, name: str) -> bool:
    return bool(db.execute("select 1 from sqlite_master where type = 'table' and name = ?", (name,)).fetchall())


def insert(db: sqlite3.Connection, table: str, rows: list[tuple[Any, ...]]) -> int:
    """Insert the rows that fit into a table and that it does not have. Return their number."""
    before = db.total_changes
    for row in rows:
        try:
            db.execute(f"insert or ignore into {table} values ({', '.join('?' * len(row))})", row)
        except sqlite3.IntegrityError:
            continue
    return db.total_changes - before


def _converted(earlier: Rows) -> Rows:
    """Return the rows of earlier versions as rows of the present tables."""
    states = [_state(*row) for row in earlier.get("rule_states", ())]
    states += [_oldest_state(*row) for row in earlier.get("alert_states", ())]
    return {"alert_rules": states, "fired": [_fired(*row) for row in earlier.get("firings", ())]}


def _state(rule: str, holds: int, since: int | None, firing: str, times: int, at: int | None, count: int) -> tuple[str, bytes]:
    return rule, _encoded(_rule_state(bool(holds), since, firing, times, at, count))


def _oldest_state(rule: str, _: str, state: str, since: int, firing: str) -> tuple[str, bytes]:
    return rule, _encoded(_rule_state(state == "firing", since, firing, 1))


def _rule_state(holds: bool, since: int | None, firing: str, times: int, at: int | None = None, count: int = 0) -> RuleState:
    return RuleState("firing" if holds else "inactive", since, firing=firing, times=times, triggered_at=at, trigger_count=count)


def _fired(number: int, *columns: Any) -> tuple[int, bytes]:
    return number, _encoded(Alert(*columns))


def _encoded(value: RuleState | Alert) -> bytes:
    return msgspec.json.encode(value)


def take_over(broken: salvage.Aside, db: sqlite3.Connection) -> dict[str, int]:
    """Copy the readable rows of a broken file into `db`. Return the number of rows of each table."""
    with closing(salvage.opened_aside(broken.path, db)) as old:
        found = {table: _readable(old, table, columns) for table, columns in TABLES.items()}
        earlier = {table: _readable(old, table, columns) for table, columns in _EARLIER.items()}
    for table, rows in _converted(earlier).items():
        found[table] += rows
    db.execute("begin")
    counts = {table: insert(db, table, rows) for table, rows in found.items()}
    db.execute("commit")
    return counts


def _readable(old: sqlite3.Connection, table: str, columns: int) -> list[tuple[Any, ...]]:
    rows = salvage.keyed_rows(old, table, _KEYS[table]) if table in _KEYS else [row for _, row in salvage.rows(old, table)]
    return [row for row in rows if len(row) == columns]
