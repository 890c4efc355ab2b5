"""The moments at which time alone may change rules."""

from collections.abc import Iterator
from heapq import heappop, heappush


class Timers:
    """The next moment (ms) of each rule, the earliest first."""

    def __init__(self) -> None:
        self._due: dict[str, int] = {}
        self._heap: list[tuple[int, str]] = []

    def set(self, rule_id: str, due: int | None) -> None:
        """Set the moment of a rule; None for no moment."""
        if due is None:
            self._due.pop(rule_id, None)
        elif self._due.get(rule_id) != due:
            self._due[rule_id] = due
            heappush(self._heap, (due, rule_id))

    def is_due(self, now: int) -> bool:
        """Return whether a moment up to now may be due."""
        return bool(self._heap) and self._heap[0][0] <= now

    def take(self, now: int) -> Iterator[tuple[int, str]]:
        """Yield the moments up to now with their rules, and forget them. Moments that are set meanwhile are yielded, too."""
        while self._heap and self._heap[0][0] <= now:
            due, rule_id = heappop(self._heap)
            if self._due.get(rule_id) == due:
                del self._due[rule_id]
                yield due, rule_id
