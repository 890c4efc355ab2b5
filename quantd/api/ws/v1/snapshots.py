"""What is known of a topic at present, as a subscriber without a past is told."""

from collections.abc import Sequence
from typing import Any

from quantd.api.schema import rows, status, wire
from quantd.model import Alert, Bar, BookBar, PairPoint, Tick
from quantd.services.bundle import Services

_MOST_ALERTS = 100


def nothing(services: Services, values: tuple[str, ...]) -> Sequence[Any]:
    """Return nothing, for a topic without a state."""
    return ()


def trade(services: Services, values: tuple[str, ...]) -> Sequence[Tick]:
    """Return the last trade of a symbol."""
    return _known(services.market.last_tick(*values))


def bar(services: Services, values: tuple[str, ...]) -> Sequence[Bar]:
    """Return the newest closed bar of a symbol."""
    return _known(services.market.newest_bar(*values))


def book(services: Services, values: tuple[str, ...]) -> Sequence[BookBar]:
    """Return the newest bar of a symbol's book."""
    return services.market.books(*values)[-1:]


def point(services: Services, values: tuple[str, ...]) -> Sequence[PairPoint]:
    """Return the newest point of a pair."""
    return _known(services.analytics.newest(*values))


def nowcasts(services: Services, values: tuple[str, ...]) -> Sequence[PairPoint]:
    """Return the now-casts of a pair, one for each timeframe."""
    return services.analytics.nowcasts(*values)


def newest(points: list[PairPoint]) -> list[PairPoint]:
    """Return the last now-cast of each timeframe."""
    return list({point.every: point for point in points}.values())


def alerts(services: Services, values: tuple[str, ...]) -> Sequence[Alert]:
    """Return the latest firings."""
    return services.alerts.fired()[-_MOST_ALERTS:]


def quality(services: Services, values: tuple[str, ...] = ()) -> Sequence[rows.QualityRow]:
    """Return the quality of each symbol's data."""
    return [rows.quality(each) for each in services.status.quality()]


def health(services: Services, values: tuple[str, ...] = ()) -> Sequence[wire.Health]:
    """Return the health of the daemon."""
    return [status.health(services)]


def _known(item: Any) -> Sequence[Any]:
    return () if item is None else (item,)
