"""Every kind of topic of `/api/v1/ws`. A new one is a line here, and its frame in `quantd/api/schema/topics.py`."""

from quantd.api.schema import rows, topics
from quantd.api.ws.v1 import snapshots
from quantd.api.ws.v1.sources import heard, log_lines, looked_at
from quantd.api.ws.v1.topic import AS_THEY_COME, Conflation, Kind
from quantd.services.bundle import Services


def _itself(row: object) -> object:
    return row


def _frames_of_pair(services: Services, pair: str) -> list[str]:
    return [every for name, every in services.analytics.series() if name == pair]


def _frames_of_bars(services: Services, symbol: str) -> list[str]:
    return services.market.timeframes(symbol)


def _frames_of_books(services: Services, symbol: str) -> list[str]:
    return services.market.book_timeframes(symbol)


_NEWEST = Conflation(pace=0.1, merge=snapshots.newest)
KINDS = {
    kind.name: kind
    for kind in (
        Kind("trade", ("symbol",), heard("ticks"), topics.Trades, rows.trade, snapshots.trade),
        Kind("bar", ("symbol", "every"), heard("bars"), topics.Bars, rows.bar, snapshots.bar, _frames_of_bars),
        Kind("pair", ("pair", "every"), heard("points"), topics.Points, rows.point, snapshots.point, _frames_of_pair),
        Kind("now", ("pair",), heard("nowcasts"), topics.Nowcasts, rows.point, snapshots.nowcasts, conflated=_NEWEST),
        Kind("alert", (), heard("alerts"), topics.Alerts, rows.alert, snapshots.alerts),
        Kind("quality", (), looked_at(snapshots.quality), topics.Qualities, _itself, snapshots.quality, conflated=AS_THEY_COME),
        Kind("health", (), looked_at(snapshots.health), topics.HealthFrame, _itself, snapshots.health, conflated=AS_THEY_COME),
        Kind("book", ("symbol", "every"), heard("books"), topics.Books, rows.book, snapshots.book, _frames_of_books),
        Kind("log", (), log_lines, topics.LogLines, _itself, snapshots.nothing, scope="write"),
    )
}
