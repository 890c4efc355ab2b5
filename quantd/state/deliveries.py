"""The messages for sinks: those that wait, those that are not tried any more, and the keys of those that were sent."""

import sqlite3
from collections.abc import Collection, Iterable
from typing import Any

import msgspec

from quantd.state.changes import Delivery, DeliveryState, Mark, Message
from quantd.state.file import File, decoded

DEAD_KEPT = 10_000
_COLUMNS = "number, made, state, tries, due, reason, batch, message"


class Deliveries:
    """The table of messages. Any thread may call."""

    def __init__(self, file: File) -> None:
        self._file = file

    def orders(self) -> list[tuple[str, str, int, int]]:
        """Return sink and order of the messages that wait, with their count and the number of the newest one, oldest first."""
        query = "select sink, lane, count(*), max(number) from deliveries where state = 'waiting' group by sink, lane order by min(number)"
        return self._file.read(query)

    def waiting(self, sink: str, order: str, after: int, most: int) -> list[Delivery]:
        """Return messages of one order that wait, from the number after `after` on."""
        where = "state = 'waiting' and sink = ? and lane = ? and number > ?"
        query = f"select {_COLUMNS} from deliveries where {where} order by number limit ?"
        return _decoded(self._file.read(query, (sink, order, after, most)))

    def listed(self, state: DeliveryState | None, sink: str | None, most: int) -> list[Delivery]:
        """Return the latest messages of a state and a sink, newest first; None stands for all."""
        wanted = [(f"{name} = ?", value) for name, value in (("state", state), ("sink", sink)) if value is not None]
        where = f"where {' and '.join(name for name, _ in wanted)}" if wanted else ""
        values = (*(value for _, value in wanted), most)
        return _decoded(self._file.read(f"select {_COLUMNS} from deliveries {where} order by number desc limit ?", values))

    def counts(self) -> dict[tuple[str, DeliveryState], int]:
        """Return the number of messages by sink and state."""
        rows = self._file.read("select sink, state, count(*) from deliveries group by sink, state")
        return {(sink, state): count for sink, state, count in rows}

    def revive(self, keys: Collection[str] | None, sinks: Collection[str], now: int) -> list[Delivery]:
        """Let dead messages of these sinks wait again, after all others: those of these keys, None stands for all. Return them in order."""

        def revive(db: sqlite3.Connection) -> list[Delivery]:
            (top,) = db.execute("select coalesce(max(number), 0) from deliveries").fetchone()
            found = _decoded(db.execute(f"select {_COLUMNS} from deliveries where state = 'dead' order by number").fetchall())
            wanted = [each for each in found if each.message.sink in sinks and (keys is None or each.message.key in keys)]
            places = [(number, each) for number, each in enumerate(wanted, top + 1)]
            again = "update deliveries set number = ?, state = 'waiting', tries = 0, made = ?, due = 0, batch = null where number = ?"
            db.executemany(again, [(number, now, each.number) for number, each in places])
            return [Delivery(number, each.message, now, reason=each.reason) for number, each in places]

        return self._file.do(revive)

    def forget(self, before: int) -> None:
        """Delete the messages that were sent before a time (ms), and all but the latest 10,000 dead ones."""

        def forget(db: sqlite3.Connection) -> None:
            db.execute(
                "delete from deliveries where state = 'sent' and due < ? and number < (select max(number) from deliveries)", (before,)
            )
            newest = "select number from deliveries where state = 'dead' order by due desc limit -1 offset ?"
            db.execute(f"delete from deliveries where number in ({newest})", (DEAD_KEPT,))

        self._file.do(forget)


def added(db: sqlite3.Connection, messages: Iterable[tuple[Message, int]]) -> list[Delivery]:
    """Insert messages, each with the time at which it was put (ms), and return those whose keys are new to their sinks."""
    found = []
    insert = "insert or ignore into deliveries values (null, ?, ?, ?, 'waiting', 0, ?, ?, '', null, ?)"
    for message, made in messages:
        row = (message.sink, message.key, message.order, made, message.due, msgspec.json.encode(message))
        done = db.execute(insert, row)
        if done.rowcount:
            assert done.lastrowid is not None
            found.append(Delivery(done.lastrowid, message, made, due=message.due))
    return found


def marked(db: sqlite3.Connection, marks: Iterable[Mark]) -> None:
    """Write what has become of messages, in order."""
    update = "update deliveries set state = ?, tries = ?, due = ?, reason = ?, batch = ? where number = ?"
    db.executemany(update, [(mark.state, mark.tries, mark.due, mark.reason, mark.batch, mark.number) for mark in marks])


def _decoded(rows: Iterable[tuple[Any, ...]]) -> list[Delivery]:
    found = [(row[:-1], decoded(row[-1], Message)) for row in rows]
    return [
        Delivery(number, message, made, state, tries, due, reason, batch)
        for (number, made, state, tries, due, reason, batch), message in found
        if message
    ]
