"""The records: gaps, and what alerts need to survive a restart."""

import sqlite3
from collections.abc import Iterable, Mapping
from pathlib import Path

import msgspec
from msgspec.structs import astuple

from quantd.model import Alert, Gap
from quantd.rule_state import RuleState
from quantd.state.changes import Changes, Delivery
from quantd.state.deliveries import Deliveries, added, marked
from quantd.state.file import File, decoded
from quantd.supervision.losses import Losses

FIRINGS_KEPT = 1_000


class Records:
    """The tables of the SQLite file. Each method is one transaction, which is on disk when the method returns. Any thread may call. A file
    that is found broken, at the start or later, is set aside, and its readable rows go into a new file. Without a path, everything is in
    memory."""

    def __init__(self, path: Path | None = None, losses: Losses | None = None) -> None:
        self.file = File(path, losses or Losses())
        self.in_memory = path is None
        self.deliveries = Deliveries(self.file)

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

        self.file.do(save)

    def open_gaps(self, symbol: str | None = None) -> list[Gap]:
        """Return the open gaps of one symbol or all, by symbol and ids."""
        only, values = ("", ()) if symbol is None else ("where symbol = ?", (symbol,))
        return [Gap(*row) for row in self.file.read(f"select * from gaps {only} order by symbol, first_id, last_id", values)]

    def save(self, changes: Changes) -> list[Delivery]:
        """Write what alerts have changed. Return the messages that are new, in order. Of firings, the latest 1,000 are kept."""
        encode = msgspec.json.encode
        states = [(rule, encode(state)) for rule, state in changes.states.items() if state]
        gone = [(rule,) for rule, state in changes.states.items() if state is None]
        fired = [(encode(alert),) for alert in changes.fired]

        def save(db: sqlite3.Connection) -> list[Delivery]:
            db.executemany("delete from alert_rules where rule = ?", gone)
            db.executemany("insert or replace into alert_rules values (?, ?)", states)
            db.executemany("insert or replace into places values (?, ?)", changes.places.items())
            if changes.cleared:
                db.execute("delete from fired")
            db.executemany("insert into fired(alert) values (?)", fired)
            if fired:
                db.execute("delete from fired where number <= (select max(number) from fired) - ?", (FIRINGS_KEPT,))
            _keep(db, changes.kept)
            marked(db, changes.marks)
            return added(db, changes.messages)

        return self.file.do(save)

    def firings(self) -> list[Alert]:
        """Return the firings, in the order in which they were saved."""
        found = [decoded(blob, Alert) for (blob,) in self.file.read("select alert from fired order by number")]
        return [alert for alert in found if alert]

    def rule_states(self) -> dict[str, RuleState]:
        """Return the states of rules, by the rule's id."""
        found = [(rule, decoded(blob, RuleState)) for rule, blob in self.file.read("select rule, state from alert_rules order by rule")]
        return {rule: state for rule, state in found if state}

    def places(self) -> dict[str, int]:
        """Return the ends of the last judged bars (ms), by what was judged."""
        return dict(self.file.read('select name, "end" from places'))

    def kept(self, name: str) -> dict[str, bytes]:
        """Return the values of a table of kept values."""
        return dict(self.file.read("select key, value from kept where name = ? order by key", (name,)))

    def close(self) -> None:
        self.file.close()


def _keep(db: sqlite3.Connection, kept: Mapping[tuple[str, str], bytes | None]) -> None:
    db.executemany("delete from kept where name = ? and key = ?", [place for place, value in kept.items() if value is None])
    rows = [(*place, value) for place, value in kept.items() if value is not None]
    db.executemany("insert or replace into kept values (?, ?, ?)", rows)
