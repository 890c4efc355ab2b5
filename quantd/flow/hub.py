"""Publishes events to listeners: ticks, tickers, bars, points, now-casts, alerts, gaps, book bars."""

import logging
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Sequence
from typing import Any, Literal

from quantd.columns.points import PointColumns

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
        self._named: dict[Topic, dict[Listener, frozenset[str]]] = defaultdict(dict)
        """The pairs that a listener names, for the listeners that name some."""
        self._wanted: dict[Topic, frozenset[str] | None] = {}
        self._failing: dict[tuple[Topic, Listener], str] = {}
        """The error of each listener whose last call failed."""

    def listen(self, topic: Topic, listener: Listener, pairs: Collection[str] | None = None) -> Callable[[], None]:
        """Call `listener` with each batch of a topic, until the returned function is called. Of points and now-casts, it may name the
        `pairs` that it wants: now-casts are made only of pairs that somebody wants. None stands for all."""
        if pairs is not None:
            listener = _of_pairs(frozenset(pairs), listener)
            self._named[topic][listener] = frozenset(pairs)
        self._listeners[topic].append(listener)
        self._wanted.pop(topic, None)

        def unlisten() -> None:
            self._listeners[topic].remove(listener)
            self._named[topic].pop(listener, None)
            self._wanted.pop(topic, None)
            self._failing.pop((topic, listener), None)

        return unlisten

    def pairs_wanted(self, topic: Topic) -> frozenset[str] | None:
        """Return the pairs that the listeners of a topic want, None for all; the same object until the listeners change."""
        if topic not in self._wanted:
            named = self._named[topic]
            everything = len(named) < len(self._listeners[topic])
            self._wanted[topic] = None if everything else frozenset().union(*named.values())
        return self._wanted[topic]

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


def _of_pairs(pairs: frozenset[str], listener: Listener) -> Listener:
    """Return a listener that passes on only what is of these pairs."""

    def hear(items: Sequence[Any]) -> None:
        if isinstance(items, PointColumns):
            chosen: Sequence[Any] = items.take([at for at, pair in enumerate(items.pairs) if pair in pairs])
        else:
            chosen = [item for item in items if item.pair in pairs]
        if chosen:
            listener(chosen)

    return hear
