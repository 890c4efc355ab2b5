"""The twenty acceptance tests of the frontend's contract, by their numbers: the API on a socket, over a flow with a store.

They are short. What each route does in detail is tested beside; `tests/live/test_frontend.py` asks the same of a daemon as a process.
"""

import asyncio
import csv
import math
import random
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import plotly.graph_objects as go
import pytest
from aiohttp import ClientSession
from websockets.asyncio.client import ClientConnection, connect

from quantd.api.app import make_app
from quantd.config.model import ApiSettings
from quantd.model import Bar, Status, Ticker
from quantd.stats.cointegration import ENOUGH, engle_granger
from quantd.testing import fakes
from quantd.testing.fakes import START
from quantd.timeframes import DAY, HOUR, MINUTE, timeframe
from quantd.times import iso
from tests.live.test_frontend import CANDLE, FIRED, FRAMES, ORIGIN, REGRESSIONS, RULE, SERIES, TIMEFRAMES, bucket, parsed
from tests.unit.runtime.test_guests import running
from tests.unit.services.rig import Rig, trade
from tests.waiting import PATIENCE_S, until

from .serving import ApiServer
from .test_ws import hear, say, settled, subscribe, url

TICKER = Ticker("A", START, 101.0, 100.0, 102.0, 99.0, 1.0, 1.41, 5.0, 505.0)


class Api:
    """A flow that streams A and B, and clients of its API."""

    def __init__(self, at: Rig, server: ApiServer, session: ClientSession) -> None:
        self.at = at
        self.session = session
        self._server = server
        self._second = 1

    async def ask(self, path: str, method: str = "GET", status: int = 200, **given: Any) -> Any:
        async with self.session.request(method, path, **given) as response:
            body = await response.read()
            assert response.status == status, body
            return parsed(body)

    @asynccontextmanager
    async def socket(self, *symbols: str, path: str = "/ws") -> AsyncIterator[ClientConnection]:
        async with connect(url(self._server, path)) as client:
            await subscribe(client, *symbols)
            yield client

    def push(self, *prices: float, symbol: str = "A") -> None:
        """Have the feed bring a trade each second."""
        for price in prices:
            tick = msgspec.structs.replace(trade(symbol, self._second), price=price)
            self.at.feed.events.put_nowait([tick, Status(tick.ts + 800, healthy=True)])
            self._second += 1


@pytest.fixture
async def api(tmp_path: Path) -> AsyncIterator[Api]:
    async with running(tmp_path) as at, ApiServer(make_app(at.services, ApiSettings())) as server:
        async with ClientSession(server.make_url("/")) as session:
            yield Api(at, server, session)
        await at.services.pool.close()


def past(api: Api, count: int, every: str = "1m", changes: Any = None) -> list[Bar]:
    """Put that many bars of A and B before START into the history."""
    start = START - count * timeframe(every).step
    found = [bar for seed, symbol in enumerate("AB") for bar in fakes.bars(count, symbol=symbol, every=every, seed=seed, start=start)]
    made = [changes(bar) if changes else bar for bar in found]
    api.at.history.restore_bars(made)
    return made


def of_closes(y: Any, x: Any) -> list[Bar]:
    start = START - len(y) * MINUTE
    return [bar for symbol, closes in (("A", y), ("B", x)) for bar in fakes.flat_bars(closes, symbol=symbol, start=start)]


@pytest.mark.parametrize("path", ["/ws", "/stream/ws"])
async def test_01_both_paths_of_the_socket(api: Api, path: str) -> None:
    async with api.socket("A", path=path) as socket:
        api.push(101.0)
        assert (await hear(socket, "trade"))["price"] == 101.0


async def test_02_each_type_of_frame_has_its_keys_and_no_others(api: Api) -> None:
    await api.ask("/alerts", "POST", json={"metric": "price", "pair": "A", "op": ">", "value": 200})
    async with api.socket("A") as socket:
        api.at.feed.events.put_nowait([TICKER])
        api.push(201.0)
        found: dict[str, Any] = {}
        while len(found) < 3:
            frame = parsed(await asyncio.wait_for(socket.recv(), PATIENCE_S))
            found[frame["type"]] = frame.keys()
        assert found == {kind: FRAMES[kind] for kind in ("ticker", "alert", "trade")}
        await say(socket, action="unsubscribe", symbols=["A"])
        assert (await hear(socket, "subscription")).keys() == FRAMES["subscription"]
        await say(socket, action="ping")
        assert await hear(socket, "pong") == {"type": "pong"}


async def test_03_a_pair_of_one_symbol(api: Api) -> None:
    past(api, 100)
    found = await api.ask("/analytics/pair?pair=A-A&window=20")
    assert [{point["value"] for point in found[name]} for name in SERIES] == [{1}, {0}, {0}, {1}]
    assert (found["adf"]["stat"], found["adf"]["pvalue"]) == (0.0, 1.0)


async def test_04_analytics_without_data(api: Api) -> None:
    found = await api.ask("/analytics/pair?pair=A-B&tf=1d&window=500")
    assert [found[name] for name in SERIES] == [[]] * 4
    assert (found["adf"]["stat"], found["adf"]["pvalue"]) == (0.0, 1.0)


@pytest.mark.parametrize("tf", TIMEFRAMES)
async def test_05_each_timeframe_has_the_buckets_of_the_frontend(api: Api, tf: str) -> None:
    api.push(101.0, 102.0)
    past(api, 3 * 288, "5m")
    past(api, 600, "1m")
    await until(lambda: api.at.clock.now() > START + 1_000)
    candles = await api.ask(f"/data/a?tf={tf}", params={"from": iso(START - 3 * DAY), "to": iso(START + HOUR)})
    times = [candle["ts"] for candle in candles]
    assert len(times) > 5
    assert times == sorted(set(times))
    assert times == [bucket(ts, tf) for ts in times]
    if tf == "14h":
        assert {ts[11:19] for ts in times} == {"00:00:00", "14:00:00"}


async def test_06_a_range_without_a_limit_is_whole(api: Api) -> None:
    past(api, 1_000)
    since = START - 600 * MINUTE
    candles = await api.ask("/data/A", params={"tf": "1m", "from": iso(since), "to": iso(START - 1)})
    assert [candle["ts"] for candle in candles] == [iso(since + minute * MINUTE) for minute in range(600)]
    assert len(await api.ask("/data/A")) == 100, "without either, as many as ever"


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize("seed", range(4))
async def test_07_no_number_that_json_does_not_know_and_no_hole(api: Api, seed: int) -> None:
    chance = random.Random(seed)
    odd = [math.nan, math.inf, -math.inf, 0.0, 5e-324, 1e308, -1.0, 100.0]

    def spoil(bar: Bar) -> Bar:
        names = [name for name in ("open", "high", "low", "close", "volume") if chance.random() < 0.02]
        return msgspec.structs.replace(bar, **{name: chance.choice(odd) for name in names})

    past(api, 400, changes=spoil)
    for symbol in "AB":
        for candle in await api.ask(f"/data/{symbol}", params={"from": iso(START - DAY)}):
            assert candle.keys() == CANDLE
            assert None not in candle.values()
    for regression in REGRESSIONS:
        for window in (2, 20, 60):
            found = await api.ask("/analytics/pair", params={"pair": "A-B", "window": window, "regression": regression})
            values = [point["value"] for name in SERIES for point in found[name]] + [found["adf"]["stat"], found["adf"]["pvalue"]]
            assert all(isinstance(value, float | int) for value in values)


async def test_08_start_and_stop_take_less_than_a_second_under_5000_trades_a_second(api: Api) -> None:
    """The trades come as fast as the flow takes them, which is faster than that; the best of three, since the machine may be busy."""
    loop, second, took = asyncio.get_running_loop(), 1, []
    for _ in range(3):
        for _ in range(100):
            ticks = [fakes.tick("AB"[n % 2], 2_000 + second * 25 + n // 2, second * 100 + n) for n in range(50)]
            api.at.feed.events.put_nowait(ticks)
            second += 1
        began = loop.time()
        await api.ask("/stream/start", "POST", json={"symbols": ["a", "g"]})
        stopped = await api.ask("/stream/stop", "POST", json={"symbols": ["a", "g"]})
        took.append(loop.time() - began)
        assert "A" in stopped["active_symbols"], "the pipeline's own"
    assert min(took) < 1.0


async def test_09_one_stops_and_the_other_goes_on(api: Api) -> None:
    async with api.socket("A") as other:
        async with api.socket("A") as socket:
            await api.ask("/stream/start", "POST", json={"symbols": ["A"]})
            await say(socket, action="unsubscribe", symbols=["A"])
            await hear(socket, "subscription")
        await api.ask("/stream/stop", "POST", json={"symbols": ["A"]})
        api.push(101.0)
        assert (await hear(other, "trade"))["price"] == 101.0


async def test_10_an_alert_comes_once_for_each_crossing(api: Api) -> None:
    async with api.socket("B") as socket:
        await api.ask("/alerts", "POST", json={"metric": "price", "pair": "A", "op": ">", "value": 150})
        api.push(140.0, 151.0, 152.0, 153.0, 149.0, 148.0, 160.0, 161.0)
        fired = [(await hear(socket, "alert"))["actual_value"] for _ in range(2)]
        await until(lambda: api.at.services.market.last_tick("A").price == 161.0)
        assert [frame for frame in await settled(socket) if frame["type"] == "alert"] == []
    assert fired == [151.0, 160.0]


async def test_11_the_frontends_origin_may_read(api: Api) -> None:
    asks = {"Origin": ORIGIN, "Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "content-type"}
    async with api.session.options("/alerts", headers=asks) as preflight, api.session.get("/symbols", headers=asks) as answer:
        assert (preflight.status, preflight.headers["Access-Control-Allow-Headers"]) == (200, "content-type")
        for response in (preflight, answer):
            assert response.headers["Access-Control-Allow-Origin"] == ORIGIN
            assert response.headers["Access-Control-Allow-Credentials"] == "true"


async def test_12_the_statistics_of_the_buffer_are_reached(api: Api) -> None:
    assert (await api.ask("/data/stats")).keys() == {"symbols", "total_ticks", "active_symbols", "tick_counts"}
    assert (await api.ask("/data/stats?symbol=a")).keys() == {"symbol", "tick_count", "buffer_size", "last_tick", "latest_price"}


async def test_13_bars_of_the_database_of_trades_at_whole_seconds(api: Api) -> None:
    for second in range(1, 130):
        tick = msgspec.structs.replace(trade("A", second), ts=START + second * 1_000)
        api.at.feed.events.put_nowait([tick, Status(tick.ts + 999, healthy=True)])
    await until(lambda: api.at.clock.now() >= START + 128_000)
    assert api.at.runtime.outputs.recorder
    assert await api.at.runtime.outputs.recorder.write()
    span = {"symbol": "a", "start_time": iso(START), "end_time": iso(START + 119_999)}
    for alias, count in (("1S", 120), ("1T", 2), ("1min", 2)):
        found = await api.ask("/database/ohlcv", "POST", json=span | {"timeframe": alias})
        assert (found["count"], {frozenset(row) for row in found["data"]}) == (count, {frozenset(CANDLE)})
    for alias in ("5T", "15T", "30T", "1H", "1D"):
        assert (await api.ask("/database/ohlcv", "POST", json=span | {"timeframe": alias}))["status"] == "ok"
    trades = await api.ask("/database/ticks/a", params={"start_time": span["start_time"], "limit": 2})
    assert [row["timestamp"] for row in trades["data"]] == [iso(START + 100), iso(START + 1_000)]


async def test_14_a_chart_is_a_figure_of_plotly(api: Api) -> None:
    past(api, 150)
    found = await api.ask("/visualization/candles/a")
    drawn = go.Figure(found)  # raises ValueError for what Plotly does not know
    assert [trace.type for trace in drawn.data] == ["candlestick", "bar", "scatter", "scatter", "scatter"]
    layout = drawn.layout
    assert (layout.paper_bgcolor, layout.uirevision, layout.title.text) == ("#0f172a", "candles", "A @ 1m")
    assert (layout.yaxis.domain, layout.yaxis2.domain, layout.xaxis.rangeslider.visible) == ((0.25, 1), (0, 0.2), False)
    assert (drawn.data[1].yaxis, layout.meta["baseCandleWidthMs"]) == ("y2", MINUTE)
    assert drawn.data[2].y[-1] == pytest.approx(np.mean(drawn.data[0].close[-7:]))
    few = await api.ask("/visualization/candles/A?limit=30&ma=7,25,99")
    assert [trace["name"] for trace in few["data"]] == ["A", "Volume", "MA7", "MA25"]
    for query, detail in {
        "ma=7,x": "Invalid moving average window: 'x'",
        "ma=0": "Moving average windows must be positive integers",
        "tf=7x": "Timeframe 7x not supported. Available: ['1s', '1m', '5m', '15m', '30m', '1h', '14h', '1d']",
    }.items():
        assert (await api.ask(f"/visualization/candles/A?{query}", status=400))["detail"] == detail
    assert (await api.ask("/visualization/candles/A?from=2100-01-01", status=404))["detail"] == "No OHLCV data available"
    assert (await api.ask("/visualization/candles/X", status=400))["detail"].startswith("Symbol X not supported")


async def test_15_symbols_in_lower_case(api: Api) -> None:
    past(api, 60)
    assert await api.ask("/data/a") == await api.ask("/data/A") != []
    found = await api.ask("/analytics/pair?pair=a-b&window=20")
    assert (found["pair"], len(found["spread"]) > 0) == ("a-b", True)
    assert (await api.ask("/stream/start", "POST", json={"symbols": ["a"]}))["symbols"] == ["a"]
    async with api.socket("a") as socket:
        api.push(101.0)
        assert (await hear(socket, "trade"))["symbol"] == "A"


async def test_16_a_rule_is_sent_with_op_and_told_with_operator(api: Api) -> None:
    made = await api.ask("/alerts", "POST", json={"metric": "ZSCORE", "pair": "a-b", "op": ">=", "value": 2})
    assert made.keys() == RULE
    assert (made["metric"], made["pair"], made["operator"], made["value"]) == ("zscore", "A-B", ">=", 2.0)
    assert await api.ask("/alerts") == [made]
    (mistake,) = (await api.ask("/alerts", "POST", 422, json={"metric": "zscore", "pair": "a-b", "operator": ">", "value": 2}))["detail"]
    assert mistake["loc"] == ["body", "op"]
    assert {"op", "operator"}.isdisjoint(FIRED)


async def test_17_the_csv_ends_with_the_test_and_its_lines_with_cr_lf(api: Api) -> None:
    past(api, 200)
    async with api.session.get("/export?pair=A-B&window=60") as response:
        text = (await response.read()).decode()
    assert re.fullmatch(r"attachment; filename=A_B_1m_\d{8}_\d{6}\.csv;.*", response.headers["Content-Disposition"])
    assert text.count("\n") == text.count("\r\n")
    header, *rows, blank, title, pvalue, stat, verdict = csv.reader(text.split("\r\n")[:-1])
    assert header == ["timestamp", "hedge_ratio", "spread", "zscore", "rolling_correlation"]
    assert all(re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", row[0]) for row in rows)
    assert (blank, title, pvalue[0], stat[0], verdict[0]) == ([], ["ADF Test Results"], "P-value", "Test Statistic", "Interpretation")
    assert verdict[1] in ("Stationary (mean-reverting)", "Non-stationary")


@pytest.mark.parametrize("text", ["{", "[]", "null", '{"action":"dance"}', '{"action":"subscribe","symbols":[]}', '{"symbols":["A"]}'])
async def test_18_what_is_no_command_leaves_the_socket_open(api: Api, text: str) -> None:
    async with api.socket("A") as socket:
        await socket.send(text)
        api.push(101.0)
        assert (await hear(socket, "trade"))["price"] == 101.0


async def test_19_kalman_is_not_ols_where_beta_drifts(api: Api) -> None:
    beta, x = np.linspace(1.0, 2.0, 400), fakes.walk(400, seed=3)
    api.at.history.restore_bars(of_closes(beta * x, x))
    last = {}
    for method in ("OLS", "Kalman"):
        found = await api.ask("/analytics/pair", params={"pair": "A-B", "window": 60, "regression": method})
        last[method] = found["hedge_ratio"][-1]["value"]
    assert abs(last["Kalman"] - last["OLS"]) > 0.01


async def test_20_independent_walks_are_seldom_tied_and_too_few_bars_are_named(api: Api) -> None:
    chance = np.random.default_rng(20)
    walks = chance.normal(size=(1_500, 2, ENOUGH)).cumsum(axis=2)
    assert np.mean([engle_granger(y, x).pvalue < 0.05 for y, x in walks]) <= 0.07
    y, x = 200.0 + walks[0]
    told = []
    for bars in (60, ENOUGH - 1, ENOUGH):
        api.at.history.restore_bars(of_closes(y[-bars:], x[-bars:]))
        tie = (await api.ask("/analytics/pair?pair=A-B&window=60"))["cointegration"]
        told.append((tie["n"], tie["power"]))
    assert told == [(60, "low"), (ENOUGH - 1, "low"), (ENOUGH, None)]


def test_each_has_its_test() -> None:
    found = re.findall(r"^async def test_(\d\d)_", Path(__file__).read_text("utf-8"), re.MULTILINE)
    assert found == [f"{number:02d}" for number in range(1, 21)]
