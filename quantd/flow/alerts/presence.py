"""Knows for how long the values between closes have covered the time: not while a symbol's stream is down or trades of it are missing."""

from collections.abc import Iterable

from quantd.flow.alerts.places import Place
from quantd.model import Gap


class Presence:
    """The symbols whose data are doubtful, and the moments (ms) up to which places are judged."""

    def __init__(self) -> None:
        self._lost: set[str] = set()
        """Symbols whose stream was lost, until their next trade."""
        self._holes: dict[str, set[int]] = {}
        """The first missing ids of the open gaps, by symbol."""
        self._until: dict[Place, int] = {}

    def lose(self, symbols: Iterable[str]) -> None:
        """Note that the stream may miss trades of these symbols from now on."""
        self._lost.update(symbols)

    def note_trades(self, symbol: str) -> None:
        """Note that trades of a symbol arrive."""
        if self._lost and symbol in self._lost:
            self._lost.discard(symbol)
            for place in [place for place in self._until if symbol in _legs(place)]:
                del self._until[place]

    def note_gaps(self, gaps: Iterable[Gap]) -> None:
        """Note gaps that opened or closed."""
        for gap in gaps:
            holes = self._holes.setdefault(gap.symbol, set())
            if gap.closed is None:
                holes.add(gap.first_id)
            else:
                holes.discard(gap.first_id)
            if not holes:
                del self._holes[gap.symbol]

    def is_covered(self, place: Place) -> bool:
        """Return whether the data of a place are whole now."""
        return not (self._lost or self._holes) or all(leg not in self._lost and leg not in self._holes for leg in _legs(place))

    def covered(self, place: Place, now: int) -> int:
        """Return how much time (ms) up to now has been covered since the last call."""
        before = self._until.get(place)
        if before is not None and now <= before:
            return 0
        self._until[place] = now
        return now - before if before is not None and self.is_covered(place) else 0

    def forget(self, place: Place) -> None:
        """Forget a place that nobody watches any more."""
        self._until.pop(place, None)


def _legs(place: Place) -> list[str]:
    return place[0].split("-")
