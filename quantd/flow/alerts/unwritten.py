"""Sends messages that the disk does not take: a full disk must not keep an alert from a trader.

Such a message is sent from memory, and written once the disk takes it; it is then marked as sent. If the daemon is killed in between, the
message may come again, or, if its condition is over by then, may be all that is known of it.
"""

import asyncio
from collections.abc import Iterable, Mapping

from quantd.clock import Clock
from quantd.flow.alerts.sender import Sender
from quantd.state import Message

_PAUSE_S = 1.0


class Unwritten:
    """Sends each message once. A lane of which messages wait on disk, or whose last message failed, waits: the order of a lane is kept."""

    def __init__(self, senders: Mapping[str, Sender], clock: Clock) -> None:
        self._senders = senders
        self._clock = clock
        self._sent: set[tuple[str, str]] = set()
        self._waiting: dict[str, list[Message]] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}

    def send(self, messages: Iterable[Message]) -> None:
        """Send those of the messages that were not sent before. Call it again with all of them while the disk fails."""
        self._waiting = {}
        for message in messages:
            if (message.sink, message.key) not in self._sent and message.sink in self._senders:
                self._waiting.setdefault(message.sink, []).append(message)
        for name in self._waiting:
            if name not in self._tasks or self._tasks[name].done():
                self._tasks[name] = asyncio.create_task(self._send_to(name), name=f"sink {name}")

    def took(self, message: Message) -> bool:
        """Return whether a message that is on disk now was sent before, and forget that."""
        known = message.sink, message.key
        if known not in self._sent:
            return False
        self._sent.discard(known)
        return True

    async def end(self) -> None:
        """Stop sending."""
        tasks = [task for task in self._tasks.values() if not task.done()]
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)

    async def _send_to(self, name: str) -> None:
        """Try once each message for a sink whose turn it is, in order."""
        sender, held = self._senders[name], set[str]()
        for message in self._waiting.get(name, ()):
            if message.order in held or sender.lanes.holds(message.order) or (message.sink, message.key) in self._sent:
                continue
            if message.due <= self._clock.now() and await sender.tries(message.alerts):
                self._sent.add((message.sink, message.key))
            else:
                held.add(message.order)
        if held:
            await asyncio.sleep(_PAUSE_S)
