"""Where the items of topics come from."""

import asyncio
from collections.abc import Callable, Collection, Sequence
from typing import Any

from quantd.api.ws.v1.log_lines import tap
from quantd.api.ws.v1.topic import Put, Source, Stop
from quantd.services.bundle import Services
from quantd.services.events import Topic

_LOOK_S = 1.0
_SHARE = 0.02
"""Maximum share of the time that looks may take: with many symbols there are fewer."""
_OF_PAIRS = ("points", "nowcasts")


def heard(topic: Topic) -> Source:
    """Return a source of what the hub publishes on a topic."""

    def start(services: Services, put: Put, names: Collection[str]) -> Stop:
        return services.events.listen(topic, put, names if topic in _OF_PAIRS else None)

    return start


def looked_at(look: Callable[[Services], Sequence[Any]]) -> Source:
    """Return a source that looks once a second, and passes on what it sees if that differs from the last time."""

    def start(services: Services, put: Put, names: Collection[str]) -> Stop:
        return _Looks(lambda: look(services), put).stop

    return start


class _Looks:
    """Looks at something once a second, or less often if that takes long."""

    def __init__(self, look: Callable[[], Sequence[Any]], put: Put) -> None:
        self._look = look
        self._put = put
        self._seen = look()
        self._timer = asyncio.get_running_loop().call_later(_LOOK_S, self._again)

    def stop(self) -> None:
        """End."""
        self._timer.cancel()

    def _again(self) -> None:
        loop = asyncio.get_running_loop()
        began = loop.time()
        try:
            seen = self._look()
        finally:
            self._timer = loop.call_later(max(_LOOK_S, (loop.time() - began) / _SHARE), self._again)
        if seen != self._seen:
            self._seen = seen
            self._put(seen)


def log_lines(services: Services, put: Put, names: Collection[str]) -> Stop:
    """Pass on the lines of the log."""
    return tap(put)
