"""`/backtest`: the numbers of the command, as JSON or as a report, and each mistake with its status."""

from typing import Any

import msgspec
import numpy as np
import pytest
from aiohttp import ClientSession

from quantd.backtest import backtest
from quantd.services.analytics import Analysis, Question, Style
from quantd.stats.backtest import Rules
from quantd.stats.funding import Rates
from quantd.stats.zscore import ZScore
from quantd.testing.services import FakeServices
from quantd.times import iso
from tests.api.conftest import Ask
from tests.unit.backtest.conftest import SETTINGS, past

PAIR = "BTCUSDT-ETHUSDT"


@pytest.fixture
def trading(services: FakeServices) -> FakeServices:
    """Services whose pair reverts."""
    seen = past()
    services.market.stored = {("BTCUSDT", "1m"): seen.y_bars, ("ETHUSDT", "1m"): seen.x_bars}
    services.analytics.analysis = Analysis(seen.points)
    return services


async def test_json(ask: Ask, trading: FakeServices) -> None:
    status, found = await ask("/backtest", params={"pair": PAIR.lower(), "window": "20", "regression": "OLS", "fee_bps": "5"})
    seen = past()
    wanted = backtest(seen.y_bars, seen.x_bars, seen.points, SETTINGS)
    assert status == 200
    assert set(found) == {"pair", "settings", "summary", "split_at", "in_sample", "out_of_sample", "quality", "trades", "equity"}
    assert [found[name] for name in ("split_at", "in_sample", "out_of_sample")] == [None, None, None]
    assert (found["pair"], found["settings"]["regression"], found["settings"]["window"]) == (PAIR, "ols", 20)
    assert found["settings"]["rules"] == {
        "entry": 2.0, "exit": 0.0, "stop": None, "hold": False, "fee_bps": 5.0, "slippage_bps": 0.0, "notional": 1000.0,
        "sizing": "beta",
    }  # fmt: skip
    assert found["summary"]["net"] == wanted.summary.net
    assert [trade["net"] for trade in found["trades"]] == [trade.net for trade in wanted.trades] != []
    assert [row["value"] for row in found["equity"]] == wanted.equity.tolist()
    assert found["equity"][0]["ts"] == found["quality"]["start"] == "2026-01-01T00:19:00.000Z"
    assert trading.analytics.asked == [Question("BTCUSDT", "ETHUSDT", "1m", 20, "ols")]


async def test_what_would_take_minutes_is_refused(ask: Ask, trading: FakeServices) -> None:
    trading.analytics.regressions = ["ols", "theil-sen"]
    long = {"pair": PAIR, "window": "400", "limit": "10000"}
    status, found = await ask("/backtest", params=long | {"regression": "theil-sen"})
    assert (status, found["detail"].split(": ")[1]) == (400, "ask for limit=1700, or run quantd backtest")
    status, found = await ask("/backtest", params=long | {"regression": "theil-sen", "window": "2000"})
    assert (status, found["detail"].split(": ")[1]) == (400, "ask for a shorter window, or run quantd backtest")
    for cheap in ({"regression": "ols"}, {"regression": "theil-sen", "limit": "1700"}):
        assert (await ask("/backtest", params=long | cheap))[0] == 200


async def test_a_style_that_is_none_is_told_with_those_there_are(ask: Ask, trading: FakeServices) -> None:
    status, found = await ask("/backtest", params={"pair": PAIR, "zscore": "wild"})
    assert status == 422
    assert found["detail"][0]["msg"] == "Input should be one of window, rolling, ew, robust, innovation"


async def test_html(session: ClientSession, trading: FakeServices) -> None:
    async with session.get("/backtest", params={"pair": PAIR, "window": "20", "format": "HTML"}) as response:
        text = await response.text()
        assert (response.status, response.content_type) == (200, "text/html")
        assert "default-src 'none'" in response.headers["Content-Security-Policy"]
    assert text.startswith("<!doctype html>")
    assert PAIR in text


async def test_exits_by_what_is_held(ask: Ask, trading: FakeServices) -> None:
    """Its stop may be beyond what the z-score of now can reach."""
    seen, rules = past(), Rules(stop=9.0, hold=True)
    wanted = backtest(seen.y_bars, seen.x_bars, seen.points, msgspec.structs.replace(SETTINGS, rules=rules))
    status, found = await ask("/backtest", params={"pair": PAIR, "window": "20", "stop": "9", "hold": "true"})
    assert (status, found["settings"]["rules"]["hold"]) == (200, True)
    told = [(trade["exited"], trade["zscore_held"], trade["spread_held"]) for trade in found["trades"]]
    assert told == [(iso(trade.exited), trade.zscore_held, trade.spread_held) for trade in wanted.trades] != []
    status, found = await ask("/backtest", params={"pair": PAIR, "window": "20", "stop": "9"})
    assert (status, found["detail"].split(":")[0]) == (400, "Rule not supported. stop")


async def test_a_split_tells_both_parts(ask: Ask, trading: FakeServices) -> None:
    seen = past()
    wanted = backtest(seen.y_bars, seen.x_bars, seen.points, msgspec.structs.replace(SETTINGS, split=0.7)).halves
    assert wanted is not None
    status, found = await ask("/backtest", params={"pair": PAIR, "window": "20", "split": "0.7"})
    assert (status, found["split_at"], found["settings"]["split"]) == (200, iso(wanted.at), 0.7)
    for name, half in (("in_sample", wanted.in_sample), ("out_of_sample", wanted.out_of_sample)):
        assert found[name].keys() == found["summary"].keys()
        assert (found[name]["net"], found[name]["trades"]) == (half.net, half.trades)


async def test_dollar_sizing(ask: Ask, trading: FakeServices) -> None:
    status, found = await ask("/backtest", params={"pair": PAIR, "window": "20", "sizing": "dollar"})
    assert (status, found["settings"]["rules"]["sizing"]) == (200, "dollar")
    for trade in found["trades"]:
        assert trade["y_units"] * trade["y_entry"] == pytest.approx(-trade["x_units"] * trade["x_entry"])


async def test_what_is_not_known_says_why(ask: Ask, trading: FakeServices) -> None:
    _, found = await ask("/backtest", params={"pair": PAIR, "window": "20"})
    names = ("sharpe", "sharpe_stderr", "probabilistic_sharpe", "funding", "funding_missing")
    assert [found["summary"][name] for name in names] == [None] * 5
    assert {found["summary"]["reasons"][name] for name in names[:3]} == {"fewer than 30 days"}
    assert found["summary"]["reasons"]["funding"] == "no rates of BTCUSDT and ETHUSDT"
    assert {trade["funding"] for trade in found["trades"]} == {None}


async def test_funding_that_is_known_is_paid(ask: Ask, trading: FakeServices) -> None:
    seen = past()
    ts = np.array([bar.ts for bar in seen.y_bars[::10]], dtype=np.int64)
    rates = [Rates(ts, np.full(len(ts), 0.001), np.full(len(ts), mark)) for mark in (200.0, 100.0)]
    trading.analytics.funding = dict(zip(("BTCUSDT", "ETHUSDT"), rates, strict=True))
    _, found = await ask("/backtest", params={"pair": PAIR, "window": "20"})
    by_name = dict(zip(("AAA", "BBB"), rates, strict=True))
    wanted = backtest(seen.y_bars, seen.x_bars, seen.points, SETTINGS, funding=by_name).summary
    assert (found["summary"]["funding"], found["summary"]["funding_missing"]) == (wanted.funding, 0)
    assert wanted.funding
    assert "funding" not in found["summary"]["reasons"]


async def test_only_the_last_bars_count(ask: Ask, trading: FakeServices) -> None:
    _, found = await ask("/backtest", params={"pair": PAIR, "window": "20", "limit": "100"})
    assert found["summary"]["bars"] == len(found["equity"]) == 100


async def test_the_style_is_passed_on(ask: Ask, trading: FakeServices) -> None:
    _, found = await ask("/backtest", params={"pair": PAIR, "window": "20", "prices": "log", "spread": "residual", "zscore": "robust"})
    assert trading.analytics.asked[-1].style == Style("residual", ZScore(method="robust"), "log")
    assert [found["settings"][name] for name in ("prices", "spread", "beta")] == ["log", "residual", None]
    assert found["settings"]["zscore"]["method"] == "robust"


async def test_a_fixed_hedge_is_told(ask: Ask, trading: FakeServices) -> None:
    trading.analytics.regressions = ["ols", "fixed"]
    _, found = await ask("/backtest", params={"pair": PAIR, "window": "20", "beta": "2.5", "alpha": "-1"})
    assert trading.analytics.asked[-1].style == Style(beta=2.5, alpha=-1.0)
    assert [found["settings"][name] for name in ("regression", "beta", "alpha")] == ["fixed", 2.5, -1.0]


async def test_without_data_there_are_reasons(ask: Ask, services: FakeServices) -> None:
    status, found = await ask("/backtest", params={"pair": PAIR})
    assert (status, found["trades"], found["equity"]) == (200, [], [])
    assert found["summary"]["sharpe"] is None
    assert found["summary"]["reasons"]["sharpe"] == "no trades"


@pytest.mark.parametrize(
    ("query", "status", "detail"),
    [
        ("pair=NOPE-BTCUSDT", 400, "Symbol NOPE not supported"),
        ("pair=BTCUSDT", 404, "No data available for pair BTCUSDT"),
        (f"pair={PAIR}&tf=7x", 400, "Timeframe 7x not supported"),
        (f"pair={PAIR}&regression=Kalman", 400, "Regression method Kalman not supported"),
        (f"pair={PAIR}&window=1", 400, "Window size must be at least 2"),
        (f"pair={PAIR}&format=xml", 400, "Format xml not supported. Available: ['json', 'html']"),
        (f"pair={PAIR}&entry=0", 400, "Rule not supported. entry: expected a number above 0, found 0"),
        (f"pair={PAIR}&stop=1", 400, "Rule not supported. stop: expected a number above 2 (entry), found 1"),
        (f"pair={PAIR}&fee_bps=-1", 400, "Rule not supported. fee_bps: "),
        (f"pair={PAIR}&split=1", 400, "Rule not supported. split: expected a number between 0 and 1, found 1"),
        (f"pair={PAIR}&split=nan", 400, "Invalid value. nan is no finite number"),
        (f"pair={PAIR}&exit=nan", 400, "Invalid value. nan is no finite number"),
        (f"pair={PAIR}&entry=inf", 400, "Invalid value. inf is no finite number"),
        (f"pair={PAIR}&entry=1e999", 400, "Invalid value. 1e999 is no finite number"),
        (f"pair={PAIR}&fee_bps=-1e999", 400, "Invalid value. -1e999 is no finite number"),
        (f"pair={PAIR}&beta=nan", 400, "Invalid value. nan is no finite number"),
        (
            f"pair={PAIR}&window=10&entry=3",
            400,
            "Rule not supported. entry: no z-score reaches 3: over a window of 10 |zscore| is at most 2.85",
        ),
        (f"pair={PAIR}&window=10&stop=3", 400, "Rule not supported. stop: no z-score reaches 3: over a window of 10"),
        (
            f"pair={PAIR}&window=10&entry=3&zscore=ew",
            400,
            "Rule not supported. entry: no z-score reaches 3: over a window of 10 with a half-",
        ),
    ],
)
async def test_what_is_not_supported_is_told(ask: Ask, query: str, status: int, detail: str) -> None:
    found = await ask(f"/backtest?{query}")
    assert found[0] == status
    assert found[1]["detail"].startswith(detail)


@pytest.mark.parametrize(
    ("query", "field"),
    [
        *(("", "pair"), (f"pair={PAIR}&limit=0", "limit"), (f"pair={PAIR}&hold=long", "hold"), (f"pair={PAIR}&entry=much", "entry")),
        *((f"pair={PAIR}&split=most", "split"), (f"pair={PAIR}&sizing=wild", "sizing")),
        *((f"pair={PAIR}&{name}=1e305", name) for name in ("entry", "exit", "stop")),
    ],
)  # fmt: skip
async def test_what_is_no_query_is_named(ask: Ask, query: str, field: str) -> None:
    status, found = await ask(f"/backtest?{query}")
    details: Any = found["detail"]
    assert (status, details[0]["loc"]) == (422, ["query", field])
