"""Writes what alerts change to the records.

The loop never waits for the disk: what has changed is collected, and one thread writes it, one transaction after another. Whatever changes
during a transaction is in the next one. So a state, the message that it caused and what was kept about it are on disk together, or not.

    states, firings, messages, marks, kept values ──▶ pending ──▶ in hand (one transaction) ──▶ on disk ──▶ messages go to the outbox
                                                         ▲            │
                                                         └────────────┘ the disk fails
"""

import asyncio
from collections.abc import Callable, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

from quantd.flow.alerts.table import RuleStates
from quantd.model import Alert
from quantd.state import Changes, Delivery, Mark, Message, Records, tried_again
from quantd.supervision.troubles import Troubles

T = TypeVar("T")


class Keeper:
    """Collects changes and writes them. Only the loop's thread may call. Records in memory are written at once."""

    def __init__(self, records: Records, states: RuleStates, troubles: Troubles) -> None:
        self.records = records
        self.on_messages: Callable[[list[Delivery]], None] = lambda new: None
        """Receives the new messages once they are on disk."""
        self.on_failure: Callable[[list[Message]], None] = lambda unwritten: None
        """Receives all messages that are not on disk, each time that the disk fails."""
        self._states = states
        self._troubles = troubles
        self._pending = Changes()
        self._in_hand = Changes()
        self._writing: Future[list[Delivery]] | None = None
        self._task: asyncio.Task[None] | None = None
        self._thread = ThreadPoolExecutor(1, "records")

    def fired(self, alerts: Iterable[Alert]) -> None:
        """Add firings, oldest first."""
        self._pending.fired.extend(alerts)
        self.soon()

    def clear_fired(self) -> None:
        """Delete all firings."""
        self._pending.fired.clear()
        self._pending.cleared = True
        self.soon()

    def put(self, messages: Iterable[tuple[Message, int]]) -> None:
        """Add messages, each with the time at which it was put (ms)."""
        self._pending.messages.extend(messages)
        self.soon()

    def mark(self, marks: Iterable[Mark]) -> None:
        """Note what has become of messages."""
        self._pending.marks.extend(marks)
        self.soon()

    def table(self, name: str) -> "KeptTable":
        """Return a table of kept values."""
        return KeptTable(self, name)

    def keep(self, name: str, key: str, value: bytes | None) -> None:
        """Set a value of a table; None deletes it."""
        self._pending.kept[name, key] = value
        self.soon()

    def soon(self) -> None:
        """Begin to write, after what happens now, unless it is being written already. While the disk fails, call it again."""
        if self.records.in_memory:
            self.save()
        elif (self._task is None or self._task.done()) and (loop := _loop()):
            self._task = loop.create_task(self._write_all(), name="alerts to disk")

    def save(self) -> None:
        """Write everything, and return when it is on disk. Does not raise if the disk fails: the next call tries again."""
        if self._writing:
            self._finish(self._writing)
        if self._take() and self._writing:
            self._finish(self._writing)

    async def saved(self) -> bool:
        """Wait until what has changed by now is on disk. Return False if the disk fails."""
        self.soon()
        if self._task:
            await asyncio.shield(self._task)
        return not self._pending

    async def read(self, work: Callable[[], T]) -> T:
        """Run a reading or writing of the records in the thread, after what is being written."""
        if self.records.in_memory:
            return work()
        return await asyncio.get_running_loop().run_in_executor(self._thread, work)

    def close(self) -> None:
        """Write everything and end the thread."""
        self.save()
        self._thread.shutdown(wait=False)

    async def _write_all(self) -> None:
        while self._take():
            writing = self._writing
            assert writing is not None
            ended = asyncio.wrap_future(writing)
            await asyncio.wait([ended])
            ended.exception()  # `_finish` reports it
            if self._writing is writing and not self._finish(writing):
                return

    def _take(self) -> bool:
        """Begin a transaction of what has changed. Return False if nothing has."""
        changes, self._pending = self._pending, Changes()
        changes.states |= self._states.unsaved
        changes.places |= self._states.unsaved_places
        self._states.saved()
        if not changes:
            return False
        self._in_hand = changes
        self._writing = _done(lambda: self.records.save(changes)) if self.records.in_memory else self._submitted(changes)
        return True

    def _submitted(self, changes: Changes) -> Future[list[Delivery]]:
        return self._thread.submit(self.records.save, changes)

    def _finish(self, writing: Future[list[Delivery]]) -> bool:
        """Take in the end of a transaction, which is waited for. Return whether it succeeded."""
        self._writing = None
        with tried_again(self._troubles, "alerts"):
            new = writing.result()
            if new:
                self.on_messages(new)
            return True
        self._pending = self._in_hand.then(self._pending)
        if _loop():
            self.on_failure([message for message, _ in self._pending.messages])
        return False


class KeptTable:
    """Values by key that survive a restart. They are written together with everything else that alerts change."""

    def __init__(self, keeper: Keeper, name: str) -> None:
        self._keeper = keeper
        self._name = name
        self._values = keeper.records.kept(name)

    def all(self) -> dict[str, bytes]:
        """Return all values by key."""
        return dict(self._values)

    def put(self, key: str, value: bytes) -> None:
        """Set a value."""
        self._values[key] = value
        self._keeper.keep(self._name, key, value)

    def delete(self, key: str) -> None:
        """Delete a value, if there is one."""
        if self._values.pop(key, None) is not None:
            self._keeper.keep(self._name, key, None)


def _done(work: Callable[[], T]) -> "Future[T]":
    done: Future[T] = Future()
    done.set_result(work())
    return done


def _loop() -> asyncio.AbstractEventLoop | None:
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return None
