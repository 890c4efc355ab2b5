"""Where an alert goes, and with which others: pure but for the table of groups."""

from collections.abc import Iterable

from quantd.config.matchers import match, words_of
from quantd.config.routing import Routing
from quantd.model import Alert

_MOST_GROUPS = 10_000


def sinks_of(alert: Alert, send: Iterable[str], routing: Routing) -> tuple[str, ...]:
    """Return the sinks of an alert, each once: those of its rule, and those of all routes that match it."""
    found = dict.fromkeys(send)
    if routing.routes:
        words = words_of(alert)
        for route in routing.routes:
            if match(route.match, words):
                found |= dict.fromkeys(route.send)
    return tuple(found)


def group_of(alert: Alert, routing: Routing) -> str:
    """Return the name of the group of an alert; empty for an alert that goes alone."""
    if not routing.group_by:
        return ""
    words = words_of(alert)
    return ",".join(f"{name}={words.get(name, '')}" for name in routing.group_by)


class Groups:
    """Says when the next message of a group is due: `group_wait` after the first one, and not before `group_interval` after the sending
    before."""

    def __init__(self, routing: Routing) -> None:
        self._routing = routing
        self._due: dict[tuple[str, str], int] = {}
        """By sink and group: when it was or is to be sent."""

    def due(self, sink: str, group: str, now: int) -> int:
        """Return when a message is to be sent (ms)."""
        if not group:
            return now
        last = self._due.get((sink, group))
        if last is not None and last > now:
            return last
        wait, interval = self._routing.group_wait, self._routing.group_interval
        due = now + wait if last is None or last + interval <= now else max(now + wait, last + interval)
        self._due[sink, group] = due
        if len(self._due) > _MOST_GROUPS:
            self._due = {key: each for key, each in self._due.items() if each + interval > now}
        return due
