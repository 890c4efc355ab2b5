"""Every route of the API."""

from typing import Any

from quantd.api.route import ASSET, CSV, HTML, JSON, NDJSON, SVG, TEXT, Frames, Route
from quantd.api.routes import (
    alerts,
    analytics,
    backtest,
    data,
    database,
    deliveries,
    documents,
    explain,
    export,
    health,
    leadlag,
    openapi,
    record,
    rules,
    silences,
    sockets,
    stream,
    tickets,
    visualization,
)
from quantd.api.schema import chart, figures, rows, wire
from quantd.api.schema import database as kept
from quantd.api.schema import deliveries as sent
from quantd.api.schema import requests as of
from quantd.api.schema import rules as ruled
from quantd.api.schema import silences as muted
from quantd.api.schema.backtest import BacktestAnswer
from quantd.api.schema.explain import ExplanationAnswer, PastRule

_LIST = 256 * 1024
"""Largest number of bytes of a list of symbols."""


def _pages(row: Any) -> tuple[Any, ...]:
    """Return the answers of a route whose rows come by the page."""
    return list[row], NDJSON, CSV


ROUTES = (
    Route("GET", "/", health.root, None, None, (wire.Banner, HTML), (), "public", "cheap"),
    Route("GET", "/openapi.json", openapi.described, None, None, JSON, (), "public", "cheap"),
    Route("GET", "/health", health.health, None, None, wire.Health, (), "read", "cheap"),
    Route("GET", "/live", health.live, None, None, wire.State, (), "public", "cheap"),
    Route("GET", "/ready", health.ready, None, None, wire.State, (), "read", "cheap"),
    Route("GET", "/quality", health.quality, None, None, list[wire.QualityNow], (), "read", "cheap"),
    Route("GET", "/metrics", health.metrics, None, None, TEXT, (), "read", "cheap"),
    Route("GET", "/symbols", data.symbols, None, None, list[str], (), "read", "cheap"),
    Route("GET", "/data/stats", data.stats, of.SymbolQuery, None, wire.BufferStats | wire.SymbolStats, (422,), "read", "cheap"),
    Route("POST", "/data/clear", data.clear, of.SymbolQuery, None, wire.Done, (422,), "write", "write"),
    Route("GET", "/data/{symbol}", data.bars, of.RangeQuery, None, list[wire.Candle], (422,), "read", "cheap"),
    Route("GET", "/data/{symbol}/ticks", data.ticks, of.TicksQuery, None, list[wire.Trade], (422,), "read", "cheap"),
    Route("GET", "/data/{symbol}/book", data.book, of.RangeQuery, None, list[rows.BookRow], (422,), "read", "cheap"),
    Route("POST", "/stream/start", stream.start, None, of.StreamBody, wire.Started, (408, 422), "write", "write", _LIST),
    Route("POST", "/stream/stop", stream.stop, None, of.StreamBody, wire.Stopped | wire.NothingToStop, (408, 422), "write", "write", _LIST),
    Route("GET", "/stream/status", stream.status, None, None, wire.IdleStatus | wire.StreamStatus, (), "read", "cheap"),
    Route("GET", "/analytics/pair", analytics.pair, of.PairQuery, None, figures.PairAnalytics, (404, 422), "read", "analytics"),
    Route("GET", "/analytics/adf", analytics.adf, of.PairQuery, None, figures.AdfVerdict, (404, 422), "read", "analytics"),
    Route("GET", "/analytics/hedge-ratio", analytics.hedge_ratio, of.PairQuery, None, figures.HedgeRatio, (404, 422), "read", "analytics"),
    Route("GET", "/analytics/spread", analytics.spread, of.PairQuery, None, figures.Spread, (404, 422), "read", "analytics"),
    Route("GET", "/analytics/zscore", analytics.zscore, of.PairQuery, None, figures.ZScores, (404, 422), "read", "analytics"),
    Route("GET", "/analytics/correlation", analytics.correlation, of.PairQuery, None, figures.Correlation, (404, 422), "read", "analytics"),
    Route("GET", "/analytics/lead-lag", leadlag.handler, of.LeadLagQuery, None, leadlag.LeadLagAnswer, (404, 422), "read", "analytics"),
    Route("GET", "/pairs", analytics.nowcasts, None, None, list[figures.Nowcast], (), "read", "cheap"),
    Route("GET", "/backtest", backtest.tested, of.BacktestQuery, None, (BacktestAnswer, HTML), (404, 422), "read", "analytics"),
    Route("POST", "/alerts", alerts.create, None, of.RuleBody, wire.Rule, (408, 422), "write", "write"),
    Route("GET", "/alerts", alerts.listed, None, None, list[wire.Rule], (), "read", "cheap"),
    Route("GET", "/alerts/rules", alerts.from_pipelines, None, None, list[wire.PipelineRule], (), "read", "cheap"),
    Route("GET", "/alerts/active", alerts.active, of.LimitQuery, None, list[wire.Fired], (422,), "read", "cheap"),
    Route("POST", "/alerts/clear", alerts.clear, None, None, wire.Done, (), "write", "write"),
    Route("POST", "/alerts/{firing}/ack", silences.acknowledge, None, muted.AckBody, muted.FiringRow, (404, 408, 422), "write", "write"),
    Route("DELETE", "/alerts/{firing}/ack", silences.unacknowledge, None, None, muted.FiringRow, (404,), "write", "write"),
    Route("GET", "/api/v1/firings", silences.firing, None, None, list[muted.FiringRow], (), "read", "cheap"),
    Route("POST", "/api/v1/silences", silences.create, None, muted.SilenceBody, muted.SilenceRow, (408, 422), "write", "write"),
    Route("GET", "/api/v1/silences", silences.listed, None, None, list[muted.SilenceRow], (), "read", "cheap"),
    Route("DELETE", "/api/v1/silences/{silence}", silences.delete, None, None, wire.Done, (404,), "write", "write"),
    Route(
        "GET",
        "/api/v1/deliveries",
        deliveries.listed,
        sent.DeliveriesQuery,
        None,
        list[sent.DeliveryRow],
        (422,),
        "read",
        "cheap",
    ),
    Route("POST", "/api/v1/deliveries/resend", deliveries.resend, None, sent.ResendBody, sent.Resent, (408, 422), "write", "write", _LIST),
    Route("GET", "/alerts/backtest", explain.past, of.PastQuery, None, list[PastRule], (422,), "read", "analytics"),
    Route("GET", "/alerts/{firing}/explain", explain.one, of.ExplainQuery, None, (ExplanationAnswer, SVG), (404, 422), "read", "cheap"),
    Route("GET", "/alerts/{id}", alerts.one, None, None, wire.Rule, (404,), "read", "cheap"),
    Route("DELETE", "/alerts/{id}", alerts.delete, None, None, wire.Done, (404,), "write", "write"),
    Route("GET", "/export", export.analytics, of.ExportQuery, None, CSV, (404, 422), "read", "analytics"),
    Route("GET", "/export/ohlcv", export.ohlcv, of.OhlcvQuery, None, CSV, (404, 422), "read", "analytics"),
    Route("GET", "/docs", documents.docs, None, None, HTML, (404,), "public", "cheap"),
    Route("GET", "/redoc", documents.redoc, None, None, HTML, (404,), "public", "cheap"),
    Route("GET", "/asyncapi.json", documents.asyncapi, None, None, JSON, (), "public", "cheap"),
    Route("GET", "/assets/{name}", documents.asset, None, None, ASSET, (404,), "public", "cheap"),
    Route("POST", "/api/v1/ticket", tickets.create, None, None, wire.Ticket, (), "read", "cheap"),
    Route("GET", "/visualization/candles/{symbol}", visualization.candles, of.ChartQuery, None, chart.Figure, (404, 422), "read", "cheap"),
    Route("GET", "/database/stats", database.stats, None, None, kept.DatabaseStats, (501,), "read", "cheap"),
    Route("GET", "/database/ticks/{symbol}", database.ticks, of.RecordedQuery, None, kept.RecordedTrades, (422, 501), "read", "analytics"),
    Route("POST", "/database/ohlcv", database.ohlcv, None, of.RecordedBody, kept.RecordedBars, (408, 422, 501), "read", "analytics"),
    Route("POST", "/database/export", database.export, None, of.RecordedBody, CSV, (404, 408, 422, 501), "read", "analytics"),
    Route("DELETE", "/database/cleanup", database.cleanup, of.CleanupQuery, None, kept.Cleaned, (422, 501), "admin", "admin"),
    Route("POST", "/database/vacuum", database.vacuum, None, None, kept.Compacted, (501,), "admin", "admin"),
    Route("DELETE", "/database/clear", database.clear, None, None, wire.Done, (501,), "admin", "admin"),
    Route("POST", "/api/v1/alerts/rules", rules.create, None, ruled.RuleOrder, ruled.RuleRow, (408, 422), "write", "write"),
    Route("GET", "/api/v1/alerts/rules", rules.listed, None, None, list[ruled.RuleRow], (), "read", "cheap"),
    Route("GET", "/api/v1/alerts/rules/{rule}", rules.one, None, None, ruled.RuleRow, (404,), "read", "cheap"),
    Route("DELETE", "/api/v1/alerts/rules/{rule}", rules.delete, None, None, wire.Done, (404,), "write", "write"),
    Route("GET", "/api/v1/bars/{symbol}", record.bars, of.SeriesQuery, None, _pages(rows.BarRow), (404, 422), "read", "analytics"),
    Route("GET", "/api/v1/points/{pair}", record.points, of.SeriesQuery, None, _pages(rows.PointRow), (404, 422), "read", "analytics"),
    Route("GET", "/api/v1/ticks/{symbol}", record.ticks, of.TradesQuery, None, _pages(rows.TradeRow), (404, 422), "read", "analytics"),
    Route("GET", "/ws", sockets.legacy, None, None, Frames(), (), "read", "cheap"),
    Route("GET", "/stream/ws", sockets.legacy, None, None, Frames(), (), "read", "cheap"),
    Route("GET", "/api/v1/ws", sockets.typed, None, None, Frames(), (), "read", "cheap"),
)
"""In the order in which paths are matched: a path with a parameter comes after those that it would hide."""
