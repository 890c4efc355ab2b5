"""Live events."""

from collections.abc import Callable, Collection
from typing import Protocol

from quantd.flow.hub import Listener, Topic

__all__ = ["Events", "Listener", "Topic"]


class Events(Protocol):
    """Events by topic, such as ticks, tickers and alerts."""

    def listen(self, topic: Topic, listener: Listener, pairs: Collection[str] | None = None) -> Callable[[], None]:
        """Call `listener` with each batch of a topic, until the returned function is called. Of points and now-casts, `pairs` names those
        that it wants, None for all."""
        ...
