"""Tells whoever listens what has just happened: ticks, tickers, bars, points, now-casts, alerts, gaps, book bars."""

from collections import defaultdict
from collections.abc import Callable, Sequence
from typing import Any, Literal

Topic = Literal["ticks", "tickers", "bars", "points", "nowcasts", "alerts", "transitions", "gaps", "books"]
Listener = Callable[[Sequence[Any]], None]


class Hub:
    """Listeners by topic. They are called at once and must be quick: one that has much to do keeps a bounded mailbox of its own."""

    def __init__(self) -> None:
        self._listeners: dict[Topic, list[Listener]] = defaultdict(list)

    def listen(self, topic: Topic, listener: Listener) -> Callable[[], None]:
        """Call `listener` with each batch of a topic, until the returned function is called."""
        self._listeners[topic].append(listener)
        return lambda: self._listeners[topic].remove(listener)

    def wants(self, topic: Topic) -> bool:
        """Whether anybody listens."""
        return bool(self._listeners[topic])

    def publish(self, topic: Topic, items: Sequence[Any]) -> None:
        if items:
            for listener in list(self._listeners[topic]):
                listener(items)
