"""The topics: what their rows are, and where they are recorded."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Generic, TypeVar
from urllib.parse import quote

from msgspec import Struct

from quantd.api.schema.rows import AlertRow, BarRow, BookRow, LogRow, PointRow, QualityRow, TradeRow
from quantd.client.seen import Seen, SeenAlerts, SeenIds, SeenNothing, SeenRevisions
from quantd.client.stamps import later
from quantd.timeframes import HOUR, duration

if TYPE_CHECKING:
    from quantd.api.schema.wire import Health

Row = TypeVar("Row")


class Record(Struct, frozen=True):
    """Where the rows of a topic are recorded: a route that answers them by page."""

    path: str
    query: dict[str, str]
    span_ms: int = 0
    """The time (ms) from the `ts` of a row to when the row is known."""


class Topic(Struct, Generic[Row], frozen=True):
    """A topic with rows of one type."""

    name: str
    row: type[Row]
    record: Record | None = None
    """None if rows are not recorded: what the daemon's history of frames has lost is lost."""
    seen: Callable[[], Seen] = SeenNothing
    is_state: bool = False
    """Whether each frame is the whole present state, so that only the newest matters, and nothing can be missed."""
    shows_past: bool = True
    """Whether the first snapshot is shown: not if its rows are old news."""

    def begins_late(self, start: str, rows: Sequence[Any]) -> bool:
        """Return whether more than a row is missing between a time and the first rows of the record. Of trades this is not known."""
        span = self.record.span_ms if self.record else 0
        return bool(span and rows) and rows[0].ts > later(start, 2 * span)


def _span(every: str) -> int:
    """Return the length of a timeframe, ms. That of a bar of events is not known: an hour."""
    try:
        return duration(every)
    except ValueError:
        return HOUR


def trades(symbol: str) -> Topic[TradeRow]:
    """Return the topic of the trades of a symbol."""
    name = symbol.upper()
    return Topic(f"trade:{name}", TradeRow, Record(f"/api/v1/ticks/{quote(name)}", {}), SeenIds)


def bars(symbol: str, every: str) -> Topic[BarRow]:
    """Return the topic of the closed bars of a symbol."""
    name = symbol.upper()
    return Topic(f"bar:{name}:{every}", BarRow, Record(f"/api/v1/bars/{quote(name)}", {"every": every}, _span(every)), SeenRevisions)


def points(pair: str, every: str) -> Topic[PointRow]:
    """Return the topic of the points of a pair."""
    name = pair.upper()
    return Topic(f"pair:{name}:{every}", PointRow, Record(f"/api/v1/points/{quote(name)}", {"every": every}, _span(every)), SeenRevisions)


def nowcasts(pair: str) -> Topic[PointRow]:
    """Return the topic of the now-casts of a pair, one for each timeframe."""
    return Topic(f"now:{pair.upper()}", PointRow, is_state=True)


def books(symbol: str, every: str) -> Topic[BookRow]:
    """Return the topic of the closed bars of a symbol's order book."""
    return Topic(f"book:{symbol.upper()}:{every}", BookRow, seen=SeenRevisions)


def health() -> "Topic[Health]":
    """Return the topic of the daemon's health."""
    from quantd.api.schema.wire import Health  # takes more time to import than the rest of the client

    return Topic("health", Health, is_state=True)


ALERTS = Topic("alert", AlertRow, seen=SeenAlerts, shows_past=False)
QUALITY = Topic("quality", QualityRow, is_state=True)
LOG = Topic("log", LogRow)
