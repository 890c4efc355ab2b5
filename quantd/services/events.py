"""What happens, as it happens."""

from collections.abc import Callable
from typing import Protocol

from quantd.flow.hub import Listener, Topic

__all__ = ["Events", "Listener", "Topic"]


class Events(Protocol):
    """Ticks, tickers, alerts and so on, by topic."""

    def listen(self, topic: Topic, listener: Listener) -> Callable[[], None]:
        """Call `listener` with each batch of a topic, until the returned function is called."""
        ...
