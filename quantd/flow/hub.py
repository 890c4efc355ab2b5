"""Tells whoever listens what has just happened: ticks, tickers, bars, points, now-casts, alerts, gaps, book bars."""

import logging
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from typing import Any, Literal

Topic = Literal["ticks", "tickers", "bars", "points", "nowcasts", "alerts", "transitions", "gaps", "books"]
Listener = Callable[[Sequence[Any]], None]
_log = logging.getLogger("quantd.flow")


class Hub:
    """Listeners by topic. They are called at once and must be quick: one that has much to do keeps a bounded mailbox of its own.

    A listener that raises harms nobody else: the flow goes on, the other listeners get their rows, and the fault is counted.
    """

    def __init__(self) -> None:
        self.faults: Counter[Topic] = Counter()
        """How many calls of listeners failed."""
        self._listeners: dict[Topic, list[Listener]] = defaultdict(list)
        self._failing: dict[tuple[Topic, Listener], str] = {}
        """The error of each listener whose last call failed."""

    def listen(self, topic: Topic, listener: Listener) -> Callable[[], None]:
        """Call `listener` with each batch of a topic, until the returned function is called."""
        self._listeners[topic].append(listener)

        def unlisten() -> None:
            self._listeners[topic].remove(listener)
            self._failing.pop((topic, listener), None)

        return unlisten

    def wants(self, topic: Topic) -> bool:
        """Whether anybody listens."""
        return bool(self._listeners[topic])

    def publish(self, topic: Topic, items: Sequence[Any]) -> None:
        """Tell all listeners of a topic. Never raises."""
        if items:
            for listener in list(self._listeners[topic]):
                try:
                    listener(items)
                except Exception as error:
                    self._failed(topic, listener, error)
                else:
                    if self._failing:
                        self._failing.pop((topic, listener), None)

    def failing(self) -> dict[Topic, str]:
        """The topics of which the last call of a listener failed, and its error."""
        return {topic: text for (topic, _), text in self._failing.items()}

    def _failed(self, topic: Topic, listener: Listener, error: Exception) -> None:
        self.faults[topic] += 1
        if (topic, listener) not in self._failing:
            _log.error("a listener of %s failed, which others do not notice: %r", topic, error, exc_info=error)
        self._failing[topic, listener] = repr(error)
