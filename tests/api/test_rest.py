"""Each route answers under the contract's names, and each mistake gets its status and text."""

import logging
import math
from typing import Any

import msgspec
import pytest
from aiohttp import ClientSession
from yarl import URL

from quantd.api.routes.checks import TIMEFRAMES
from quantd.model import Bar, BookBar, Gap, PairPoint
from quantd.plugin.feed_health import ConnectionHealth, FeedHealth
from quantd.services.alerts import PipelineRule
from quantd.services.analytics import Analysis, PairStatus, Question, Style
from quantd.services.status import FeedState, SymbolQuality
from quantd.stats.cointegration import EngleGranger
from quantd.stats.spreads import SpreadTest
from quantd.stats.zscore import ZScore
from quantd.supervision.troubles import Trouble
from quantd.testing import fakes
from quantd.testing.fakes import START
from quantd.testing.services import LISTED, FakeServices, FakeSymbols, fake_services
from quantd.timeframes import timeframe
from tests.api.conftest import Ask

PAIR = "BTCUSDT-ETHUSDT"
OF_SPREAD = ("beta", "spread", "spread_mean", "spread_std", "zscore", "corr", "corr_returns")
SERIES = ("hedge_ratio", "spread", "zscore", "rolling_corr", "spread_mean", "spread_std", "rolling_corr_returns")
SUPPORTED = [*LISTED, "DOGEUSDT"]
EMPTY_STATS = {"symbols": [], "total_ticks": 0, "active_symbols": 0, "tick_counts": {}}
RULE = {"metric": "ZScore", "pair": "btcusdt-ethusdt", "op": ">", "value": 2}


async def test_a_client_gets_the_banner_and_a_browser_the_page(ask: Ask, session: ClientSession) -> None:
    assert await ask("/") == (200, {"status": "ok", "service": "Quant Analytics API", "version": "1.0.0", "docs": "/docs"})
    async with session.get("/", headers={"Accept": "text/html,application/xhtml+xml"}) as page:
        assert page.content_type == "text/html"
        text = await page.text()
    assert "<table>" in text
    assert "http://" not in text
    assert "https://" not in text


async def test_quality_names_what_is_missing(ask: Ask, services: FakeServices) -> None:
    gap = Gap("BTCUSDT", 5, 9, START, START, START, None, "disconnected")
    services.status.qualities = [SymbolQuality("BTCUSDT", "live", 20, START, 15, 1, 0, 5, 0, 2, 0, 12.0, 40.0, [gap])]
    status, (row,) = await ask("/quality")
    assert status == 200
    assert (row["symbol"], row["last_id"], row["missing"], row["lost"], row["repaired"]) == ("BTCUSDT", 20, 5, 0, 2)
    assert row["age_ms"] == services.status.now() - START
    assert row["gaps"] == [
        dict.fromkeys(("start", "end", "opened"), row["last_tick"])
        | {"symbol": "BTCUSDT", "first_id": 5, "last_id": 9, "closed": None, "cause": "disconnected"}
    ]


CONNECTED = {
    "banned_until": "2026-01-01T00:00:00.000Z",
    "unrecorded": 0,
    "resyncs": 0,
    "connections": [
        {"name": "one", "route": "market", "streams": 4, "state": "up", "age": None, "reconnects": 0, "handovers": 0}
        | {"silent": [], "skipped": 0}
    ],
}


async def test_health_counts_what_there_is(ask: Ask, services: FakeServices) -> None:
    services.market.push(fakes.ticks(3))
    services.symbols.hold("pipeline", ["BTCUSDT"])
    services.alerts.add("price", "BTCUSDT", ">", 1.0)
    services.alerts.fire([fakes.alert()])
    services.status.feed_states = [
        FeedState("binance", "live", START, 3, 0, 2, 2, -20_000, FeedHealth((ConnectionHealth("one", "market", 4, "up"),), START))
    ]
    services.status.present = [Trouble("clock", "binance", "20 s ahead", START)]
    assert await ask("/health") == (
        200,
        {
            "status": "degraded",
            "reasons": [{"what": "clock", "name": "binance", "text": "20 s ahead", "since": "2026-01-01T00:00:00.000Z"}],
            "binance_ws_active": ["BTCUSDT"],
            "data_buffer_stats": {"symbols": ["BTCUSDT"], "total_ticks": 3, "active_symbols": 1, "tick_counts": {"BTCUSDT": 3}},
            "active_alerts": 1,
            "triggered_alerts": 1,
            "feeds": [
                {
                    "name": "binance",
                    "state": "live",
                    "last_tick": "2026-01-01T00:00:00.000Z",
                    "ticks": 3,
                    "refused": 0,
                    "warm": 2,
                    "symbols": 2,
                    "warm_left_s": None,
                    "clock_offset": -20_000,
                }
                | CONNECTED
            ],
        },
    )


async def test_health_in_a_word(ask: Ask, services: FakeServices) -> None:
    for state, word in (("live", "healthy"), ("warming", "healthy"), ("starting", "down"), ("down", "down")):
        services.status.feed_states = [FeedState("binance", state, None, 0, 0, 0, 2)]
        assert (await ask("/health"))[1]["status"] == word


async def test_probes_and_metrics(ask: Ask, services: FakeServices, session: ClientSession) -> None:
    assert await ask("/live") == (200, {"status": "live"})
    assert await ask("/ready") == (200, {"status": "ready"})
    services.status.feed_states = [FeedState("binance", "down", None, 0, 0, 0, 2)]
    assert await ask("/ready") == (503, {"detail": "Not ready: binance is down"})
    services.status.feed_states = [FeedState("binance", "warming", None, 0, 0, 1, 2)]
    assert await ask("/ready") == (503, {"detail": "Not ready: binance is warming 1/2"})
    services.status.feed_states = [FeedState("binance", "warming", None, 0, 0, 120, 500, warm_left_s=110.0)]
    assert await ask("/ready") == (503, {"detail": "Not ready: binance is warming 120/500, about 2 min left"})
    async with session.get("/metrics") as response:
        assert await response.read() == b"ticks_total 1\n"
        assert response.headers["Content-Type"] == "text/plain; version=0.0.4"


async def test_symbols_are_those_of_the_config(ask: Ask) -> None:
    assert await ask("/symbols") == (200, list(LISTED))


@pytest.mark.parametrize("tf", TIMEFRAMES)
async def test_every_timeframe_of_the_frontend(ask: Ask, services: FakeServices, tf: str) -> None:
    services.market.stored["BTCUSDT", tf] = fakes.bars(3, every=tf)
    status, found = await ask("/data/btcusdt", params={"tf": tf})
    assert status == 200
    assert [set(bar) for bar in found] == [{"ts", "open", "high", "low", "close", "volume"}] * 3
    second = timeframe(tf).end(START)
    assert found[1]["ts"] == {"14h": "2026-01-01T14:00:00.000Z"}.get(tf, found[1]["ts"])
    assert (await services.market.bars("BTCUSDT", tf))[1].ts == second


async def test_bars_of_the_book(ask: Ask, services: FakeServices) -> None:
    assert await ask("/data/btcusdt/book") == (200, [])
    bars = [book_bar(START + 60_000 * number) for number in range(4)]
    services.market.push_books(bars)
    status, found = await ask("/data/btcusdt/book", params={"from": str(START + 60_000), "limit": "2"})
    assert status == 200
    assert [bar["ts"] for bar in found] == ["2026-01-01T00:02:00.000Z", "2026-01-01T00:03:00.000Z"]
    assert found[0] == {
        "symbol": "BTCUSDT",
        "every": "1m",
        "ts": "2026-01-01T00:02:00.000Z",
        "spread": 0.1,
        "spread_bps": 0.01,
        "imbalance": -0.25,
        "microprice": 90_000.02,
        "depth_imbalance": None,
        "quotes": 7,
        "depths": 0,
        "mark": 90_000.5,
        "index": 90_001.5,
        "funding_rate": 0.0001,
        "coverage": 1.0,
        "quality": "complete",
    }
    assert (await ask("/data/NOPE/book"))[0] == 400


def book_bar(ts: int) -> BookBar:
    return BookBar("BTCUSDT", "1m", ts, 0.1, 0.01, -0.25, 90_000.02, None, 7, 0, 90_000.5, 90_001.5, 0.0001, 1.0, "complete")


@pytest.mark.parametrize(
    ("params", "count"),
    [
        ({}, 100),
        ({"limit": "7"}, 7),
        ({"from": "2026-01-01T00:00:00.000Z"}, 600),
        ({"from": "2026-01-01T00:00:00.000Z", "to": "2026-01-01T08:00:00.000Z"}, 481),
        ({"from": str(START), "limit": "480"}, 480),
        ({"to": "2026-01-01T00:00:00+00:00"}, 1),
        ({"from": "", "to": ""}, 100),
        ({"limit": "99999999999999999999999"}, 600),
    ],
)
async def test_a_range_of_bars(ask: Ask, services: FakeServices, params: dict[str, str], count: int) -> None:
    services.market.stored["BTCUSDT", "1m"] = fakes.bars(600)
    status, found = await ask("/data/BTCUSDT", params=params)
    assert (status, len(found)) == (200, count)
    assert found == sorted(found, key=lambda bar: bar["ts"])


async def test_no_more_bars_than_the_cap(ask: Ask, services: FakeServices) -> None:
    services.market.stored["BTCUSDT", "1m"] = fakes.bars(2_500)
    _, found = await ask("/data/BTCUSDT?from=0")
    assert len(found) == 2_000


@pytest.mark.parametrize("path", ["/data/DOGEUSDT", "/data/dogeusdt/ticks"])
async def test_a_supported_symbol_without_data_is_empty(ask: Ask, path: str) -> None:
    assert await ask(path) == (200, [])


async def test_ticks_stats_and_clear(ask: Ask, services: FakeServices) -> None:
    ticks = fakes.ticks(5, spacing=1000)
    services.market.push(ticks)
    _, found = await ask("/data/btcusdt/ticks?limit=2")
    assert [set(tick) for tick in found] == [{"symbol", "price", "qty", "ts"}] * 2
    assert [tick["price"] for tick in found] == [tick.price for tick in ticks[-2:]]
    status, one = await ask("/data/stats?symbol=btcusdt")
    assert (status, set(one)) == (200, {"symbol", "tick_count", "buffer_size", "last_tick", "latest_price"})
    assert (one["tick_count"], one["latest_price"]) == (5, ticks[-1].price)
    assert await ask("/data/clear?symbol=btcusdt", "POST") == (200, {"status": "ok", "message": "Cleared buffer for BTCUSDT"})
    assert await ask("/data/stats") == (200, EMPTY_STATS)
    assert await ask("/data/clear", "POST") == (200, {"status": "ok", "message": "Cleared buffer for all symbols"})
    empty = {"symbol": "BTCUSDT", "tick_count": 0, "buffer_size": 2_000, "last_tick": None, "latest_price": None}
    assert await ask("/data/stats?symbol=BTCUSDT") == (200, empty)


async def test_start_holds_for_the_caller_and_stop_releases_only_that(ask: Ask, services: FakeServices) -> None:
    assert await ask("/stream/status") == (200, {"active": False, "symbols": [], "frontend_connections": 0})
    body = {"symbols": ["btcusdt", "ETHUSDT"]}
    assert await ask("/stream/stop", "POST", json=body) == (200, {"status": "ok", "stopped": True, "message": "No active streams"})
    started = {"status": "ok", "started": True, "symbols": ["btcusdt", "ETHUSDT"], "active_symbols": ["BTCUSDT", "ETHUSDT"]}
    assert await ask("/stream/start", "POST", json=body | {"tick_mode": True}) == (200, started)
    services.symbols.hold("pipeline", ["ETHUSDT"])
    stopped = {"status": "ok", "stopped": True, "symbols": ["btcusdt", "ETHUSDT"], "active_symbols": ["ETHUSDT"]}
    assert await ask("/stream/stop", "POST", json=body) == (200, stopped)
    assert services.symbols.held == {"pipeline": {"ETHUSDT"}}
    status = {"active": True, "symbols": ["ETHUSDT"], "frontend_connections": 0, "buffer_stats": EMPTY_STATS}
    assert await ask("/stream/status") == (200, status)


async def test_the_four_series_hold_the_same_bars(ask: Ask, services: FakeServices) -> None:
    services.analytics.analysis = Analysis(fakes.points(20), SpreadTest(20, -3.5, 0.01))
    status, found = await ask(f"/analytics/pair?pair={PAIR.lower()}&window=20&regression=Huber")
    assert status == 200
    assert set(found) == {"pair", *SERIES, "adf", "cointegration"}
    assert (found["pair"], found["adf"]) == (PAIR.lower(), {"stat": -3.5, "pvalue": 0.01, "n": 20, "reason": None})
    times = [[value["ts"] for value in found[name]] for name in SERIES]
    assert times == [times[0]] * len(SERIES)
    assert len(times[0]) == 15
    assert services.analytics.asked == [Question("BTCUSDT", "ETHUSDT", "1m", 20, "huber")]


async def test_without_data_the_series_are_empty(ask: Ask) -> None:
    empty: dict[str, Any] = {name: [] for name in SERIES}
    no_test = {"stat": None, "pvalue": None, "lags": None, "reason": "short"}
    tests = {
        "adf": {"stat": 0.0, "pvalue": 1.0, "n": 0, "reason": "short"},
        "cointegration": no_test | {"n": 0, "power": "low", "reverse": no_test},
    }
    assert await ask("/analytics/pair", params={"pair": PAIR}) == (200, {"pair": PAIR, **empty, **tests})


async def test_both_ways_of_the_test_are_told(ask: Ask, services: FakeServices) -> None:
    tests = EngleGranger(200, -4.1, 0.005, 1), EngleGranger(200, -3.9, 0.01, 0)
    services.analytics.analysis = Analysis(fakes.points(20), SpreadTest(20, -3.5, 0.01), *tests)
    _, found = await ask("/analytics/pair", params={"pair": PAIR})
    reverse = {"stat": -3.9, "pvalue": 0.01, "lags": 0, "reason": None}
    way = {"stat": -4.1, "pvalue": 0.005, "lags": 1, "reason": None, "n": 200, "power": None}
    assert found["cointegration"] == way | {"reverse": reverse}


async def test_the_style_is_asked_for(ask: Ask, services: FakeServices) -> None:
    services.analytics.regressions = ["ols", "kalman"]
    await ask("/analytics/pair", params={"pair": PAIR, "spread": "residual", "zscore": "innovation", "prices": "log", "method": "kalman"})
    assert services.analytics.asked[-1].style == Style("residual", ZScore(method="innovation"), "log")
    status, found = await ask("/analytics/pair", params={"pair": PAIR, "zscore": "innovation"})
    assert (status, found["detail"]) == (400, "zscore innovation asks for a regression that predicts, like KALMAN; OLS does not")
    status, _ = await ask("/analytics/pair", params={"pair": PAIR, "zscore": "wild"})
    assert status == 422


async def test_a_symbol_with_itself(ask: Ask, services: FakeServices) -> None:
    services.market.stored["BTCUSDT", "1m"] = fakes.bars(3)
    _, found = await ask("/analytics/pair?pair=BTCUSDT-BTCUSDT")
    values = {name: {value["value"] for value in found[name]} for name in ("hedge_ratio", "spread", "zscore", "rolling_corr")}
    assert values == {"hedge_ratio": {1.0}, "spread": {0.0}, "zscore": {0.0}, "rolling_corr": {1.0}}
    assert (found["adf"]["stat"], found["adf"]["pvalue"]) == (0.0, 1.0)


async def test_a_hedge_may_be_given(ask: Ask, services: FakeServices) -> None:
    services.analytics.regressions = ["ols", "fixed"]
    await ask("/analytics/pair", params={"pair": PAIR, "beta": "1.5", "alpha": "-2", "against": "before"})
    assert services.analytics.asked[-1].method == "fixed"
    assert services.analytics.asked[-1].style == Style(zscore=ZScore(against="before"), beta=1.5, alpha=-2.0)
    for wrong in ({"regression": "fixed"}, {"alpha": "1"}, {"beta": "1", "regression": "OLS"}):
        status, found = await ask("/analytics/pair", params={"pair": PAIR, **wrong})
        assert status == 400, wrong
        assert "beta" in found["detail"]
    services.analytics.regressions = ["ols"]
    status, found = await ask("/analytics/pair", params={"pair": PAIR, "beta": "1"})
    assert (status, found["detail"]) == (400, "beta and alpha not supported: no regression takes them")


async def test_a_spread_that_does_not_move_scores_nothing(ask: Ask, services: FakeServices) -> None:
    still = [
        msgspec.structs.replace(point, zscore=None, reason="flat", spread_mean=point.spread, spread_std=0.0, corr_returns=None)
        for point in fakes.points(9)
    ]
    services.analytics.analysis = Analysis(still, SpreadTest(9, reason="short"))
    _, found = await ask("/analytics/pair", params={"pair": PAIR})
    values = {name: [value["value"] for value in found[name]] for name in SERIES}
    assert values["zscore"] == values["spread_std"] == [0.0] * 9
    assert values["rolling_corr_returns"] == [None] * 9, "beside the contract's four there is no number where there is none"
    assert values["spread_mean"] == values["spread"]
    assert (await ask("/analytics/zscore", params={"pair": PAIR}))[1]["zscore"] == found["zscore"]


@pytest.mark.parametrize(
    ("route", "name", "count"),
    [("hedge-ratio", "hedge_ratio", 20), ("spread", "spread", 20), ("zscore", "zscore", 15), ("correlation", "correlation", 20)],
)
@pytest.mark.parametrize("legs", [{"symbol_a": "btcusdt", "symbol_b": "ETHUSDT"}, {"pair": PAIR}])
async def test_one_series(ask: Ask, services: FakeServices, route: str, name: str, count: int, legs: dict[str, str]) -> None:
    services.analytics.analysis = Analysis(fakes.points(20))
    status, found = await ask(f"/analytics/{route}", params={**legs, "method": "huber"})
    assert (status, list(found), len(found[name])) == (200, [name], count)
    assert services.analytics.asked == [Question("BTCUSDT", "ETHUSDT", "1m", 60, "huber")]


@pytest.mark.parametrize(
    ("stat", "pvalue", "expected"),
    [(-4.0, 0.001, (True, "Spread is stationary (mean-reverting)")), (-1.0, 0.7, (False, "Spread is non-stationary"))],
)
async def test_the_adf_verdict(ask: Ask, services: FakeServices, stat: float, pvalue: float, expected: tuple[bool, str]) -> None:
    services.analytics.analysis = Analysis([], SpreadTest(121, stat, pvalue))
    words = {"stat": stat, "pvalue": pvalue, "is_stationary": expected[0], "interpretation": expected[1], "n": 121, "reason": None}
    assert await ask("/analytics/adf", params={"pair": PAIR}) == (200, words)


async def test_nowcasts(ask: Ask, services: FakeServices) -> None:
    (point,) = fakes.points(1)
    services.analytics.statuses = [PairStatus(PAIR, "1m", point.ts, 12, 60, point, point.reason)]
    status, found = await ask("/pairs")
    assert (status, found[0]["pair"], found[0]["zscore"], found[0]["reason"]) == (200, PAIR, None, "warming")
    assert (found[0]["bars"], found[0]["needed"], found[0]["beta"]) == (12, 60, point.hedge.beta)
    assert set(found[0]) == {"pair", "every", "ts", *OF_SPREAD, "coverage", "reason", "metrics", "bars", "needed"}


@pytest.mark.parametrize(("ts", "text"), [(None, None), (fakes.START, "2026-01-01T00:00:00.000Z")])
async def test_a_pair_without_numbers_has_a_row_with_the_reason(ask: Ask, services: FakeServices, ts: int | None, text: str | None) -> None:
    services.analytics.statuses = [PairStatus(PAIR, "5m", ts, 0, 60, None, "no bars")]
    rest = {"ts": text, "coverage": None, "reason": "no bars", "metrics": {}, "bars": 0, "needed": 60}
    assert await ask("/pairs") == (200, [{"pair": PAIR, "every": "5m"} | dict.fromkeys(OF_SPREAD) | rest])


@pytest.mark.parametrize(
    ("path", "symbols"),
    [
        *((f"/data/dogeusdt{more}", ["DOGEUSDT"]) for more in ("", "/book", "/ticks")),
        ("/export/ohlcv?symbol=DOGEUSDT", ["DOGEUSDT"]),
        *(
            (f"/{route}?pair=DOGEUSDT-BTCUSDT", ["DOGEUSDT", "BTCUSDT"])
            for route in ("analytics/pair", "analytics/adf", "analytics/zscore", "analytics/lead-lag", "export", "backtest")
        ),
    ],
)
async def test_what_is_asked_about_is_warmed_up(session: ClientSession, services: FakeServices, path: str, symbols: list[str]) -> None:
    async with session.get(path) as response:
        assert response.status in (200, 404), "CSV of nothing is 404"
    assert services.symbols.warmed == symbols


async def test_nothing_is_warmed_up_for_a_question_that_is_refused(ask: Ask, services: FakeServices) -> None:
    for path in (
        "/data/NOPE",
        "/data/NOPE/ticks",
        "/analytics/pair?pair=DOGEUSDT-NOPE",
        "/analytics/pair?pair=DOGEUSDT-BTCUSDT&tf=7x",
    ):
        assert (await ask(path))[0] == 400
    assert services.symbols.warmed == []


async def test_the_life_of_a_rule(ask: Ask) -> None:
    status, made = await ask("/alerts", "POST", json=RULE)
    expected = {"metric": "zscore", "pair": PAIR, "operator": ">", "value": 2.0, "active": True}
    times = {"created_at": "2026-01-01T00:00:00.000Z", "triggered_at": None, "trigger_count": 0}
    assert (status, made) == (200, {"id": made["id"], **expected, **times})
    assert await ask("/alerts") == (200, [made])
    assert await ask(f"/alerts/{made['id']}") == (200, made)
    assert await ask(f"/alerts/{made['id']}", "DELETE") == (200, {"status": "ok", "message": f"Deleted alert {made['id']}"})
    for method in ("GET", "DELETE"):
        assert await ask(f"/alerts/{made['id']}", method) == (404, {"detail": f"Alert {made['id']} not found"})


@pytest.mark.parametrize("pair", ["btcusdt", "btcusdt-BTCUSDT"])
async def test_a_price_rule_watches_one_symbol(ask: Ask, pair: str) -> None:
    _, made = await ask("/alerts", "POST", json=RULE | {"metric": "price", "pair": pair})
    assert made["pair"] == "BTCUSDT"


async def test_a_price_rule_on_a_pair_is_no_rule_on_its_first_leg(ask: Ask) -> None:
    detail = f"Invalid pair {PAIR}. A price is that of one symbol: name BTCUSDT or ETHUSDT"
    assert await ask("/alerts", "POST", json=RULE | {"metric": "price", "pair": PAIR}) == (400, {"detail": detail})
    assert await ask("/alerts") == (200, [])


async def test_the_bar_of_a_firing_stands_beside_its_time(ask: Ask, services: FakeServices) -> None:
    services.alerts.fire([fakes.alert(1, ts=START + 60_500, bar=START)])
    _, (found,) = await ask("/alerts/active")
    assert (found["ts"], found["bar"]) == ("2026-01-01T00:01:00.500Z", "2026-01-01T00:00:00.000Z")


async def test_firings_newest_last(ask: Ask, services: FakeServices) -> None:
    resolved = msgspec.structs.replace(fakes.alert(9), state="resolved")
    services.alerts.fire([fakes.alert(1), fakes.alert(2), resolved, fakes.alert(3, ts=START - 1)])
    _, found = await ask("/alerts/active")
    assert [each["id"] for each in found] == ["3", "1", "2"]
    _, found = await ask("/alerts/active?limit=1")
    assert found == [
        {
            "id": "2",
            "alert_id": "stretched",
            "message": f"{PAIR}: zscore 2.5 above 2",
            "metric": "zscore",
            "pair": PAIR,
            "actual_value": 2.5,
            "threshold_value": 2.0,
            "ts": "2026-01-01T00:00:00.000Z",
        }
    ]
    assert await ask("/alerts/clear", "POST") == (200, {"status": "ok", "message": "Cleared triggered alerts"})
    assert await ask("/alerts/active") == (200, [])


async def test_rules_of_pipelines(ask: Ask, services: FakeServices) -> None:
    services.alerts.of_pipelines = [PipelineRule(PAIR, "stretched", "abs(zscore) > 2", True)]
    assert await ask("/alerts/rules") == (200, [{"pair": PAIR, "name": "stretched", "condition": "abs(zscore) > 2", "holds": True}])


NO_SYMBOL = f"Symbol NOPE not supported. Available: {SUPPORTED}"
NO_TIMEFRAME = f"Timeframe 7x not supported. Available: {TIMEFRAMES}"
NO_METHOD = "Regression method Kalman not supported. Available: ['OLS', 'HUBER']"


@pytest.mark.parametrize(
    ("path", "status", "detail"),
    [
        ("/data/nope", 400, NO_SYMBOL),
        ("/data/BTCUSDT?tf=7x", 400, NO_TIMEFRAME),
        ("/data/nope/ticks", 400, "Symbol NOPE not supported"),
        ("/data/stats?symbol=nope", 400, NO_SYMBOL),
        ("/analytics/pair?pair=NOPE-BTCUSDT", 400, NO_SYMBOL),
        ("/analytics/pair?pair=BTCUSDT", 404, "No data available for pair BTCUSDT"),
        ("/analytics/adf?pair=-", 404, "No data available for pair -"),
        (f"/analytics/pair?pair={PAIR}&tf=7x", 400, NO_TIMEFRAME),
        (f"/analytics/pair?pair={PAIR}&regression=Kalman", 400, NO_METHOD),
        (f"/analytics/pair?pair={PAIR}&window=1", 400, "Window size must be at least 2"),
        (f"/analytics/pair?pair={PAIR}&window=2001", 400, "Window size must be at most 2000"),
        (f"/export?pair={PAIR}&format=xml", 400, "Only CSV format is currently supported"),
        (f"/export?pair={PAIR}", 404, "No data available for export"),
        ("/export/ohlcv?symbol=BTCUSDT", 404, "No data available for export"),
        ("/alerts/none", 404, "Alert none not found"),
        ("/nowhere", 404, "Not Found"),
    ],
)
async def test_what_is_not_supported(ask: Ask, path: str, status: int, detail: str) -> None:
    assert await ask(path) == (status, {"detail": detail})


@pytest.mark.parametrize(
    ("path", "body", "detail"),
    [
        (
            "/alerts",
            RULE | {"metric": "beta"},
            "Invalid metric. Must be one of: ['zscore', 'spread', 'correlation', 'corr_returns', 'price']",
        ),
        ("/alerts", RULE | {"op": "!="}, "Invalid operator. Must be one of: ['>', '<', '>=', '<=', '==']"),
        ("/alerts", RULE | {"pair": "BTCUSDT"}, "Invalid pair BTCUSDT. Must be two symbols as in BTCUSDT-ETHUSDT"),
        ("/alerts", RULE | {"pair": "BTCUSDT-NOPE"}, NO_SYMBOL),
        ("/stream/start", {"symbols": ["nope"]}, f"Invalid symbols: ['NOPE']. Available: {SUPPORTED}"),
    ],
)
async def test_bodies_with_what_is_not_supported(ask: Ask, path: str, body: dict[str, Any], detail: str) -> None:
    assert await ask(path, "POST", json=body) == (400, {"detail": detail})


async def test_too_many_symbols(ask: Ask, services: FakeServices) -> None:
    services.symbols.names = [f"S{number}" for number in range(20)]
    body = {"symbols": [f"S{number}" for number in range(11)]}
    assert await ask("/stream/start", "POST", json=body) == (400, {"detail": "Too many symbols. Maximum: 10"})


@pytest.mark.parametrize(
    ("path", "loc", "kind"),
    [
        ("/data/BTCUSDT?limit=x", ["query", "limit"], "invalid"),
        ("/data/BTCUSDT?limit=0", ["query", "limit"], "invalid"),
        ("/data/BTCUSDT?limit=null", ["query", "limit"], "invalid"),
        (f"/backtest?pair={PAIR}&stop=NULL", ["query", "stop"], "invalid"),
        ("/data/BTCUSDT?from=yesterday", ["query", "from"], "datetime_parsing"),
        (f"/analytics/pair?pair={PAIR}&window=many", ["query", "window"], "invalid"),
        ("/analytics/pair", ["query", "pair"], "missing"),
        ("/analytics/spread?symbol_a=BTCUSDT", ["query", "symbol_b"], "missing"),
        ("/export/ohlcv", ["query", "symbol"], "missing"),
    ],
)
async def test_queries_that_cannot_be_read(ask: Ask, path: str, loc: list[str], kind: str) -> None:
    status, found = await ask(path)
    assert status == 422
    assert [set(each) for each in found["detail"]] == [{"type", "loc", "msg", "input"}]
    assert (found["detail"][0]["loc"], found["detail"][0]["type"]) == (loc, kind)


@pytest.mark.parametrize(
    ("path", "body", "loc"),
    [
        ("/alerts", b'{"metric": "zscore", "pair": "A-B", "value": 1}', ["body", "op"]),
        ("/alerts", b'{"metric": "zscore", "pair": "A-B", "op": ">", "value": "high"}', ["body", "value"]),
        ("/alerts", b'{"metric": "zscore", "pair": "A-B", "op": ">", "value": "5"}', ["body", "value"]),
        ("/alerts", b'{"metric": "zscore", "pair": "A-B", "op": ">", "value": false}', ["body", "value"]),
        ("/stream/start", b'{"symbols": ["BTCUSDT"], "tick_mode": 0}', ["body", "tick_mode"]),
        ("/alerts", b'{"metric": 5, "pair": "A-B", "op": ">", "value": 1}', ["body", "metric"]),
        ("/alerts", b'{"metric": "zscore", "pair": "A-B", "op": ">", "value": 1e305}', ["body", "value"]),
        ("/stream/start", b"{}", ["body", "symbols"]),
        ("/stream/stop", b'{"symbols": "BTCUSDT"}', ["body", "symbols"]),
        ("/stream/start", b"[]", ["body"]),
        ("/stream/start", b"{", ["body"]),
        ("/stream/start", b'{"symbols": ["\xff"]}', ["body"]),
        ("/stream/start", b"[" * 100_000, ["body"]),
    ],
)
async def test_bodies_that_cannot_be_read(ask: Ask, path: str, body: bytes, loc: list[str]) -> None:
    status, found = await ask(path, "POST", data=body)
    assert (status, found["detail"][0]["loc"]) == (422, loc)


@pytest.mark.parametrize(
    ("rule", "detail"),
    [
        ('"metric": "correlation", "op": ">", "value": 1.5', "correlation > 1.5 is never true: correlation is from -1 to 1; take another"),
        ('"metric": "correlation", "op": "<", "value": 2', "correlation < 2 is always true: correlation is from -1 to 1"),
        ('"metric": "price", "op": "<", "value": 0', "price < 0 is never true: price is above 0"),
        ('"metric": "price", "op": ">", "value": -1', "price > -1 is always true: price is above 0"),
        ('"metric": "zscore", "op": ">", "value": 1e999', "1e999 is no finite number"),
        ('"metric": "zscore", "op": ">", "value": -Infinity', "-Infinity is no finite number"),
        ('"metric": "zscore", "op": ">", "value": NaN', "NaN is no finite number"),
        ('"metric": "zscore", "op": ">", "value": "inf"', "inf is no finite number"),
        ('"metric": "zscore", "op": ">", "value": "nan"', "nan is no finite number"),
        ('"metric": "zscore", "op": ">", "value": "1e999"', "1e999 is no finite number"),
    ],
)
async def test_what_data_cannot_decide_is_no_rule(ask: Ask, rule: str, detail: str) -> None:
    status, found = await ask("/alerts", "POST", data=f'{{{rule}, "pair": "{PAIR}"}}')
    assert status == 400
    assert found["detail"].startswith(f"Invalid value. {detail}")
    assert await ask("/alerts") == (200, [])


async def test_nowcasts_have_no_greatest_zscore(ask: Ask) -> None:
    assert (await ask("/alerts", "POST", json=RULE | {"value": 50}))[0] == 200


async def test_a_body_that_is_too_large(ask: Ask) -> None:
    status, found = await ask("/alerts", "POST", data=b" " * (256 * 1024 + 1))
    assert (status, list(found)) == (413, ["detail"])


async def test_a_wrong_method_keeps_allow(session: ClientSession) -> None:
    async with session.put("/alerts") as response:
        assert (response.status, await response.json()) == (405, {"detail": "Method Not Allowed"})
        assert response.headers["Allow"] == "GET,HEAD,POST"


class BrokenSymbols(FakeSymbols):
    def listed(self) -> list[str]:
        raise RuntimeError("no such table in /var/lib/quantd/state.db")


class TestFault:
    @pytest.fixture
    def services(self) -> FakeServices:
        made = fake_services()
        return msgspec.structs.replace(made, symbols=BrokenSymbols(made.market))

    async def test_an_unforeseen_error_is_told_and_logged(self, ask: Ask, caplog: pytest.LogCaptureFixture) -> None:
        with caplog.at_level(logging.ERROR, "quantd.api"):
            assert await ask("/symbols") == (500, {"detail": "Internal server error", "error": "RuntimeError"})
        (line,) = caplog.records
        assert (line.getMessage(), line.exc_info is not None) == ("GET /symbols failed", True)
        assert "no such table in" in caplog.text


async def test_no_number_that_json_does_not_know(ask: Ask, services: FakeServices) -> None:
    def spoil(bar: Bar) -> Bar:
        return msgspec.structs.replace(bar, close=math.nan)

    def worse(point: PairPoint) -> PairPoint:
        return msgspec.structs.replace(point, spread=math.inf, corr=math.nan)

    services.market.stored["BTCUSDT", "1m"] = [*fakes.bars(3), *map(spoil, fakes.bars(2))]
    services.market.push([msgspec.structs.replace(tick, price=math.inf) for tick in fakes.ticks(2)])
    services.analytics.analysis = Analysis([*fakes.points(9), *map(worse, fakes.points(9))], SpreadTest(9, math.nan, 0.1))
    assert len((await ask("/data/BTCUSDT"))[1]) == 3
    assert await ask("/data/BTCUSDT/ticks") == (200, [])
    _, found = await ask("/analytics/pair", params={"pair": PAIR})
    assert (found["adf"]["stat"], found["adf"]["pvalue"]) == (0.0, 1.0)
    assert [len(found[name]) for name in ("hedge_ratio", "spread", "zscore", "rolling_corr")] == [4] * 4
    assert all(isinstance(value["value"], float) for name in ("spread", "zscore") for value in found[name])


async def test_a_pair_of_one_symbol_has_no_rule_but_a_price(session: ClientSession) -> None:
    for metric, status in (("zscore", 400), ("spread", 400), ("correlation", 400), ("price", 200)):
        async with session.post("/alerts", json={"metric": metric, "pair": "BTCUSDT-BTCUSDT", "op": ">", "value": 1}) as response:
            assert response.status == status


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("GET", "/data/clear", {"POST"}),
        ("GET", "/alerts/clear", {"POST"}),
        ("DELETE", "/alerts/active", {"GET", "HEAD"}),
        ("PUT", "/alerts/rules", {"GET", "HEAD"}),
        ("POST", "/alerts/x", {"GET", "HEAD", "DELETE"}),
    ],
)
async def test_a_path_allows_its_own_methods(session: ClientSession, method: str, path: str, allowed: set[str]) -> None:
    """And not those of a path whose parameter would stand for its last word."""
    async with session.request(method, path) as response:
        assert (response.status, set(response.headers["Allow"].split(","))) == (405, allowed)


@pytest.mark.parametrize("rule", ["active2", "unclear", "clear%2Fx", "x%25y", "CLEAR"])
async def test_an_id_may_resemble_a_word_of_a_path(ask: Ask, rule: str) -> None:
    assert (await ask(URL(f"/alerts/{rule}", encoded=True)))[0] == 404
