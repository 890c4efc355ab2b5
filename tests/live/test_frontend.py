"""A stand-in for the React frontend: it asks what that asks, in its way, and looks at what that would stumble over."""

import asyncio
import json
from collections.abc import AsyncIterator, Iterable, Iterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from math import isfinite
from typing import Any, NoReturn

import pytest
from aiohttp import ClientSession, ClientTimeout
from websockets.asyncio.client import ClientConnection, connect

from quantd.cli.exchange import simulator
from tests.waiting import PATIENCE_S

from .conftest import Running, daemons, write_config

ORIGIN = "http://localhost:8080"
PATIENCE = ClientTimeout(total=60)
"""That of the frontend's HTTP client."""
TIMEFRAMES = ["1s", "1m", "5m", "15m", "30m", "1h", "14h"]
REGRESSIONS = ["OLS", "Huber", "Theil-Sen", "Kalman"]
LOOK_BACK, LONGEST_LOOK_BACK = 480, timedelta(days=14)
SERIES = ["hedge_ratio", "spread", "zscore", "rolling_corr"]
CANDLE = {"ts", "open", "high", "low", "close", "volume"}
FIRED = {"id", "alert_id", "message", "metric", "pair", "actual_value", "threshold_value", "ts"}
RULE = {"id", "metric", "pair", "operator", "value", "active", "created_at", "triggered_at", "trigger_count"}
FRAMES = {
    "trade": {"type", "symbol", "price", "qty", "ts"},
    "ticker": {"type", "symbol", "ts", "volume", "quoteVolume"}
    | {"priceChange", "priceChangePercent", "lastPrice", "openPrice", "highPrice", "lowPrice"},
    "alert": {"type", *FIRED},
    "subscription": {"type", "status", "symbols"},
}


def parsed(text: str | bytes) -> Any:
    """As JSON.parse reads it: NaN and Infinity are errors."""

    def refuse(constant: str) -> NoReturn:
        raise AssertionError(f"{constant} is not JSON")

    return json.loads(text, parse_constant=refuse)


def to_iso(when: datetime) -> str:
    """Date.toISOString()."""
    return when.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def bucket(ts: str, tf: str) -> str:
    """The key under which the frontend files a trade: it floors one field of the UTC clock.

    >>> bucket("2026-01-01T15:59:59.999Z", "14h"), bucket("2026-01-01T13:59:59.999Z", "30m")
    ('2026-01-01T14:00:00.000Z', '2026-01-01T13:30:00.000Z')
    """
    when, count = datetime.fromisoformat(ts), int(tf[:-1])
    match tf[-1]:
        case "s":
            when = when.replace(second=when.second // count * count, microsecond=0)
        case "m":
            when = when.replace(minute=when.minute // count * count, second=0, microsecond=0)
        case "h":
            when = when.replace(hour=when.hour // count * count, minute=0, second=0, microsecond=0)
    return to_iso(when)


def is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and isfinite(value)


class Frontend:
    """The frontend's requests, from the origin of its development server."""

    def __init__(self, daemon: Running, session: ClientSession) -> None:
        self._daemon = daemon
        self._session = session

    async def ask(self, path: str, method: str = "GET", status: int = 200, **given: Any) -> Any:
        """The JSON of an answer that the browser lets the page read."""
        async with self._session.request(method, self._daemon.http + path, headers={"Origin": ORIGIN}, **given) as answer:
            assert answer.status == status, await answer.text()
            assert answer.headers["Access-Control-Allow-Origin"] == ORIGIN
            assert answer.headers["Access-Control-Allow-Credentials"] == "true"
            return parsed(await answer.read())

    async def candles(self, symbol: str, tf: str) -> list[dict[str, Any]]:
        """The history of a chart, checked."""
        now, unit = datetime.now(UTC), {"s": "seconds", "m": "minutes", "h": "hours"}[tf[-1]]
        since = now - min(LOOK_BACK * timedelta(**{unit: int(tf[:-1])}), LONGEST_LOOK_BACK)
        candles: list[dict[str, Any]] = await self.ask(f"/data/{symbol}", params={"tf": tf, "from": to_iso(since), "to": to_iso(now)})
        times = [candle["ts"] for candle in candles]
        assert times == sorted(set(times))
        assert times == [bucket(ts, tf) for ts in times]
        assert all(to_iso(since) <= ts <= to_iso(now) for ts in times)
        for candle in candles:
            assert candle.keys() == CANDLE
            assert all(is_number(value) for name, value in candle.items() if name != "ts")
            assert candle["low"] <= min(candle["open"], candle["close"]) <= max(candle["open"], candle["close"]) <= candle["high"]
        return candles

    async def analytics(self, pair: str, tf: str = "1m", window: int = 20, regression: str = "OLS") -> dict[str, Any]:
        """The analytics of a pair, checked."""
        query = {"pair": pair, "tf": tf, "window": window, "regression": regression}
        found: dict[str, Any] = await self.ask("/analytics/pair", params=query)
        assert found.keys() >= {"pair", "adf", *SERIES}
        assert found["pair"] == pair
        assert all(is_number(found["adf"][name]) for name in ("stat", "pvalue"))
        assert all(point.keys() == {"ts", "value"} and is_number(point["value"]) for name in SERIES for point in found[name])
        times = [[point["ts"] for point in found[name]] for name in SERIES]
        assert times == [times[0]] * len(SERIES), "the frontend joins the series by index"
        assert times[0] == [bucket(ts, tf) for ts in times[0]]
        return found

    @asynccontextmanager
    async def watching(self, *symbols: str, path: str = "/ws") -> AsyncIterator["Socket"]:
        """The one socket, with the one command that is ever sent."""
        async with connect(f"ws://{self._daemon.listen}{path}", origin=ORIGIN, max_queue=None) as socket:  # type: ignore[arg-type]
            await socket.send(json.dumps({"action": "subscribe", "symbols": symbols}))
            yield Socket(socket)


class Socket:
    """The frames that the frontend handles."""

    def __init__(self, connection: ClientConnection) -> None:
        self._connection = connection

    async def next(self, kind: str) -> dict[str, Any]:
        """The next frame of a kind; every frame on the way is checked."""
        while True:
            frame: dict[str, Any] = parsed(await self._connection.recv())
            if wanted := FRAMES.get(frame["type"]):
                assert frame.keys() == wanted
                assert "ts" not in frame or to_iso(datetime.fromisoformat(frame["ts"])) == frame["ts"]
            if frame["type"] == kind:
                return frame


@pytest.fixture(scope="module")
def daemon(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """One for all tests: each start asks the exchange for the past, which that allows so often a minute only."""
    folder = tmp_path_factory.mktemp("daemon")
    with simulator(tmp_path_factory.mktemp("exchange") / "ledger") as exchange, daemons() as start:
        write_config(folder, exchange.ws, exchange.rest)
        yield start(folder)


@pytest.fixture
async def ui(daemon: Running) -> AsyncIterator[Frontend]:
    async with ClientSession(timeout=PATIENCE) as session:
        yield Frontend(daemon, session)


def numbers(frame: dict[str, Any], but: Iterable[str]) -> bool:
    return all(is_number(value) for name, value in frame.items() if name not in {"type", "ts", *but})


@pytest.mark.parametrize("path", ["/ws", "/stream/ws"])
async def test_a_socket_gets_what_the_frontend_shows(ui: Frontend, path: str) -> None:
    async with asyncio.timeout(PATIENCE_S), ui.watching("BTCUSDT", "ETHUSDT", path=path) as socket:
        assert (await socket.next("subscription")) == {"type": "subscription", "status": "subscribed", "symbols": ["BTCUSDT", "ETHUSDT"]}
        for kind in ("trade", "ticker"):
            frame = await socket.next(kind)
            assert frame["symbol"] in ("BTCUSDT", "ETHUSDT")
            assert numbers(frame, ["symbol"])


async def test_live_candles_go_on_where_the_history_ends(ui: Frontend) -> None:
    async with asyncio.timeout(PATIENCE_S), ui.watching("BTCUSDT") as socket:
        while len(await ui.candles("BTCUSDT", "1m")) < 200:
            await socket.next("trade")
        for tf in TIMEFRAMES:
            trade = await socket.next("trade")
            while not (candles := await ui.candles("BTCUSDT", tf)) or candles[-1]["ts"] < bucket(trade["ts"], tf):
                await socket.next("trade")
            assert bucket(trade["ts"], tf) in [candle["ts"] for candle in candles]


async def test_the_pair_is_polled_until_its_numbers_stand(ui: Frontend) -> None:
    refused = await ui.ask("/analytics/pair", status=400, params={"pair": "BTCUSDT-ETHUSDT", "regression": "none"})
    there = [name for name in REGRESSIONS if f"'{name.upper()}'" in refused["detail"]]
    assert "OLS" in there
    async with asyncio.timeout(PATIENCE_S), ui.watching("BTCUSDT", "ETHUSDT") as socket:
        for regression in there:
            while not (found := await ui.analytics("BTCUSDT-ETHUSDT", regression=regression))["zscore"]:
                await socket.next("trade")
            assert 0 <= found["adf"]["pvalue"] <= 1
            assert all(-1 <= point["value"] <= 1 for point in found["rolling_corr"])


@pytest.mark.parametrize("tf", TIMEFRAMES)
async def test_a_window_that_is_not_full_yet_leaves_no_holes(ui: Frontend, tf: str) -> None:
    async with asyncio.timeout(PATIENCE_S), ui.watching("BTCUSDT") as socket:
        while len(await ui.candles("BTCUSDT", "1m")) < 200:
            await socket.next("trade")
        for window in (2, 20, 60, 150):
            await ui.analytics("BTCUSDT-ETHUSDT", tf, window)


async def test_one_selected_symbol_is_a_pair_of_itself(ui: Frontend) -> None:
    async with asyncio.timeout(PATIENCE_S), ui.watching("BTCUSDT") as socket:
        while not (found := await ui.analytics("BTCUSDT-BTCUSDT"))["spread"]:
            await socket.next("trade")
    assert [{point["value"] for point in found[name]} for name in SERIES] == [{1}, {0}, {0}, {1}]
    assert (found["adf"]["stat"], found["adf"]["pvalue"], found["adf"]["reason"]) == (0.0, 1.0, "collinear")


async def test_what_nobody_has_asked_for_yet_is_answered_with_its_past(ui: Frontend) -> None:
    async with asyncio.timeout(PATIENCE_S), ui.watching("BTCUSDT") as socket:
        await socket.next("trade")
        while "ADAUSDT" not in (await ui.ask("/data/X", status=400))["detail"]:
            await socket.next("trade")
        while len(await ui.candles("ADAUSDT", "1m")) < 200:
            await socket.next("trade")
        assert len((await ui.analytics("BTCUSDT-ADAUSDT"))["zscore"]) == 41
        assert "ADAUSDT" not in (await ui.ask("/stream/status"))["symbols"], "nobody holds it"
        assert "ADAUSDT" in [row["symbol"] for row in await ui.ask("/quality")], "it streams all the same"


async def test_nothing_to_show_is_no_error(ui: Frontend) -> None:
    assert await ui.ask("/data/BTCUSDT", params={"tf": "1s", "from": "2100-01-01"}) == []
    nothing = await ui.analytics("BTCUSDT-ETHUSDT", "1d", 2000)
    assert [nothing[name] for name in SERIES] == [[], [], [], []]
    assert nothing["adf"] == {"stat": 0.0, "pvalue": 1.0, "n": 0, "reason": "short"}


async def test_start_and_stop_steer_the_callers_symbols_only(ui: Frontend) -> None:
    async with asyncio.timeout(PATIENCE_S), ui.watching("BTCUSDT") as socket:
        while "ADAUSDT" not in (await ui.ask("/data/X", status=400))["detail"]:
            await socket.next("trade")
        wanted = {"symbols": ["adausdt", "btcusdt"], "tick_mode": True}
        started = await ui.ask("/stream/start", "POST", json=wanted)
        assert (started["status"], started["started"], started["symbols"]) == ("ok", True, wanted["symbols"])
        assert {"ADAUSDT", "BTCUSDT"} <= set(started["active_symbols"])
        async with ui.watching("ADAUSDT") as other:
            await other.next("trade")
            stopped = await ui.ask("/stream/stop", "POST", json={"symbols": wanted["symbols"]})
            assert (stopped["status"], stopped["stopped"], stopped["symbols"]) == ("ok", True, wanted["symbols"])
            assert {"ADAUSDT", "BTCUSDT"} <= set(stopped["active_symbols"])
            await other.next("trade")
        while "ADAUSDT" in (await ui.ask("/stream/status"))["symbols"]:
            await socket.next("trade")
        await socket.next("trade")


async def test_an_alert_is_one_toast_on_every_socket(ui: Frontend) -> None:
    async with asyncio.timeout(PATIENCE_S), ui.watching("BTCUSDT") as socket, ui.watching("ETHUSDT") as other:
        await socket.next("trade")
        await other.next("trade")
        rule = await ui.ask("/alerts", "POST", json={"metric": "price", "pair": "BTCUSDT", "op": ">", "value": 1})
        assert rule.keys() == RULE
        assert (rule["metric"], rule["pair"], rule["operator"], rule["value"], rule["active"]) == ("price", "BTCUSDT", ">", 1, True)
        toast, again = await toast_of(rule, socket), await toast_of(rule, other)
        assert toast == again
        assert toast["message"] == "price > 1.0 for BTCUSDT"
        assert numbers(toast, ["id", "alert_id", "message", "metric", "pair"])
        for _ in range(20):
            await socket.next("trade")
        (fired,) = [fired for fired in await ui.ask("/alerts/active") if fired["alert_id"] == rule["id"]]
        assert {"type": "alert", **fired} == toast


async def toast_of(rule: dict[str, Any], socket: Socket) -> dict[str, Any]:
    """The next toast of this rule; those of the pipelines' rules come in between."""
    while (toast := await socket.next("alert"))["alert_id"] != rule["id"]:
        pass
    return toast


async def test_what_is_refused_says_why(ui: Frontend) -> None:
    pair = "/analytics/pair?pair=BTCUSDT-ETHUSDT"
    for path, words in {
        "/data/BTCUSDT?tf=7x": "Timeframe 7x not supported. Available: ['1s', '1m', '5m', '15m', '30m', '1h', '14h',",
        "/data/NOSUCH?tf=1m": "Symbol NOSUCH not supported. Available: ['BTCUSDT',",
        f"{pair}&tf=7x": "Timeframe 7x not supported.",
        f"{pair}&window=1": "Window size must be at least 2",
        f"{pair}&regression=best": "Regression method best not supported. Available: ['",
    }.items():
        assert (await ui.ask(path, status=400))["detail"].startswith(words)
    alert = {"metric": "price", "pair": "BTCUSDT", "op": ">", "value": 1}
    for change, words in [({"metric": "luck"}, "Invalid metric. Must be one of: "), ({"op": "!"}, "Invalid operator. Must be one of: ")]:
        assert (await ui.ask("/alerts", "POST", 400, json=alert | change))["detail"].startswith(words)
    assert (await ui.ask("/stream/start", "POST", 400, json={"symbols": ["NOSUCH"]}))["detail"].startswith("Invalid symbols: ['NOSUCH']")
    for path, given in [("/alerts", {"metric": "price"}), ("/stream/start", {}), ("/stream/stop", {"symbols": 1})]:
        (mistake,) = (await ui.ask(path, "POST", 422, json=given))["detail"]
        assert mistake.keys() >= {"type", "loc", "msg", "input"}
    assert await ui.ask("/no/such", status=404) == {"detail": "Not Found"}
