"""Publishes events to listeners: ticks, tickers, bars, points, now-casts, alerts, gaps, book bars."""

import logging
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from typing import Any, Literal

Topic = Literal["ticks", "tickers", "bars", "points", "nowcasts", "alerts", "transitions", "gaps", "books"]
Listener = Callable[[Sequence[Any]], None]
_log = logging.getLogger("quantd.flow")


class Hub:
    """Calls listeners by topic. Calls are synchronous and must be quick: a listener with much to do keeps a bounded queue of its own.

    A listener that raises does not affect the flow or the other listeners. Its faults are counted.
    """

    def __init__(self) -> None:
        self.faults: Counter[Topic] = Counter()
        """Number of failed listener calls, by topic."""
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
        """Return whether a topic has listeners."""
        return bool(self._listeners[topic])

    def publish(self, topic: Topic, items: Sequence[Any]) -> None:
        """Call all listeners of a topic. Never raises."""
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
        """Return the topics of which a listener's last call failed, each with the error."""
        return {topic: text for (topic, _), text in self._failing.items()}

    def _failed(self, topic: Topic, listener: Listener, error: Exception) -> None:
        self.faults[topic] += 1
        if (topic, listener) not in self._failing:
            _log.error("a listener of %s failed, which others do not notice: %r", topic, error, exc_info=error)
        self._failing[topic, listener] = repr(error)
