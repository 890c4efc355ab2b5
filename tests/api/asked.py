"""The requests whose answers are the examples of the OpenAPI document. `python -m tests.api.asked` records them anew."""

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

import msgspec
from aiohttp import ClientSession

from quantd.api.access.gate import GATE, Gate
from quantd.api.access.tickets import TICKETS, Tickets
from quantd.api.app import make_app
from quantd.api.openapi.examples import Example
from quantd.api.table import ROUTES
from quantd.clock import SystemClock
from quantd.config.model import ApiSettings
from quantd.metrics import Metrics
from quantd.runtime.metrics import register_pool_metrics
from quantd.testing.services import FakeServices
from quantd.tokens import TokenFile, Tokens

from .market import PAIR, RULE_ID, market
from .serving import ApiServer

_ADMIN = {(route.method, route.path) for route in ROUTES if route.scope == "admin"}
STRETCHED = f"{PAIR}/stretched".replace("/", "%2F")
FILE = Path(__file__).parents[2] / "quantd/api/openapi/examples.json"
TICKET = "dDm0mnZ6k8kZ1VYl8wFzQ0nS2yT4b7uJcGx5oRqLh3E"
_RECORDED: dict[str, Any] = {"symbol": "btcusdt", "start_time": "2026-01-01T00:58:00Z", "end_time": "2026-01-01T01:00:00Z"}
_WINDOW: dict[str, Any] = {"pair": PAIR, "window": 20}


def get(name: str, path: str, /, **given: Any) -> Example:
    return Example(name, "GET", path, 0, None, given)


def post(name: str, path: str, body: Any = None, /, **given: Any) -> Example:
    return Example(name, "POST", path, 0, None, given, body)


def delete(name: str, path: str, /, **given: Any) -> Example:
    return Example(name, "DELETE", path, 0, None, given)


ASKED = (
    get("the banner", "/"),
    Example("a host that is not served", "GET", "/", 0, None, headers={"Host": "a.example"}),
    get("a daemon with a trouble", "/health"),
    get("it lives", "/live"),
    get("it is ready", "/ready"),
    get("a symbol with a gap", "/quality"),
    get("a counter", "/metrics"),
    get("the symbols", "/symbols"),
    Example("no token, through a proxy", "GET", "/symbols", 0, None, headers={"X-Forwarded-For": "203.0.113.9"}),
    get("all symbols", "/data/stats"),
    get("one symbol", "/data/stats", symbol="btcusdt"),
    post("one symbol", "/data/clear", symbol="btcusdt"),
    get("two bars", "/data/{symbol}", symbol="btcusdt", tf="1m", limit=2),
    get("a range of hours", "/data/{symbol}", symbol="BTCUSDT", tf="1h", **{"from": "2025-12-31T23:00:00.000Z", "to": "1767225600000"}),
    get("an unknown symbol", "/data/{symbol}", symbol="NOPE"),
    get("no number", "/data/{symbol}", symbol="BTCUSDT", limit="many"),
    get("two trades", "/data/{symbol}/ticks", symbol="BTCUSDT", limit=2),
    get("a bar of the book", "/data/{symbol}/book", symbol="BTCUSDT", tf="1m", limit=1),
    post("two symbols", "/stream/start", {"symbols": ["btcusdt", "ETHUSDT"]}),
    post("no symbols", "/stream/start", {"tick_mode": True}),
    post("one symbol", "/stream/stop", {"symbols": ["btcusdt"]}),
    get("two symbols", "/stream/status"),
    get("a window of 20 bars", "/analytics/pair", **_WINDOW, tf="1m", regression="OLS"),
    get("no pair", "/analytics/pair", pair="BTCUSDT"),
    get("a window of 20 bars", "/analytics/adf", **_WINDOW),
    get("a window of 20 bars", "/analytics/hedge-ratio", **_WINDOW),
    get("the legs one by one", "/analytics/spread", symbol_a="BTCUSDT", symbol_b="ETHUSDT", window=20, method="OLS"),
    get("a window of 20 bars", "/analytics/zscore", **_WINDOW),
    get("a window of 20 bars", "/analytics/correlation", **_WINDOW),
    get("five lags", "/analytics/lead-lag", pair=PAIR, seconds=600, max_lag=1, step=0.5),
    get("a pair at two timeframes", "/pairs"),
    get("a trade", "/backtest", **_WINDOW, entry=0.5, limit=5),
    get("a stop below the entry", "/backtest", pair=PAIR, entry=2, stop=1),
    post("a price", "/alerts", {"metric": "price", "pair": "btcusdt", "op": ">", "value": 90_500}),
    post("a z-score", "/alerts", {"metric": "zscore", "pair": "btcusdt-ethusdt", "op": ">=", "value": 2.5}),
    post("no operator", "/alerts", {"metric": "price", "pair": "btcusdt", "value": 90_500}),
    post("another operator", "/alerts", {"metric": "price", "pair": "btcusdt", "op": "~", "value": 90_500}),
    get("one rule", "/alerts"),
    get("one rule", "/alerts/rules"),
    get("two firings", "/alerts/active", limit=2),
    post("all firings", "/alerts/clear"),
    get("a message that its sink refused", "/api/v1/deliveries", state="dead"),
    get("no such state", "/api/v1/deliveries", state="lost"),
    post("one message", "/api/v1/deliveries/resend", {"keys": [f"{PAIR}/stretched@1795492260000/firing"]}),
    post("neither keys nor all", "/api/v1/deliveries/resend", {}),
    post("for half an hour", "/alerts/{firing}/ack", {"for": "30m", "by": "ann", "comment": "looking"}, firing=STRETCHED),
    post("what does not fire", "/alerts/{firing}/ack", {}, firing="x"),
    delete("not acknowledged any more", "/alerts/{firing}/ack", firing=STRETCHED),
    get("what fires", "/api/v1/firings"),
    post("for two hours", "/api/v1/silences", {"match": "severity=page", "for": "2h", "comment": "moving the host", "by": "ann"}),
    post("what it would mute", "/api/v1/silences", {"match": 'pair=~"BTC.*"', "until_resolved": True, "dry": True}),
    post("no end", "/api/v1/silences", {"match": "severity=page"}),
    get("what is silenced", "/api/v1/silences"),
    delete("a silence", "/api/v1/silences/{silence}", silence="s1"),
    get("a rule over an hour", "/alerts/backtest", rule="abs(zscore) > 1", of=PAIR, last="1h"),
    get("no such rule", "/alerts/backtest", rule="strech"),
    get("a firing", "/alerts/{firing}/explain", firing=STRETCHED),
    get("no such firing", "/alerts/{firing}/explain", firing="x"),
    get("a rule", "/alerts/{id}", id=RULE_ID),
    get("no such rule", "/alerts/{id}", id="x"),
    delete("a rule", "/alerts/{id}", id=RULE_ID),
    get("a window of 20 bars", "/export", **_WINDOW),
    get("a symbol without bars", "/export/ohlcv", symbol="ADAUSDT"),
    get("two bars", "/export/ohlcv", symbol="btcusdt", tf="1m", limit=2),
    post("a ticket", "/api/v1/ticket"),
    get("three bars", "/visualization/candles/{symbol}", symbol="btcusdt", tf="1m", limit=3, ma="2"),
    get("no number", "/visualization/candles/{symbol}", symbol="btcusdt", ma="7,x"),
    get("the record", "/database/stats"),
    get("the oldest trade", "/database/ticks/{symbol}", symbol="btcusdt", limit=1),
    post("by an alias of pandas", "/database/ohlcv", _RECORDED | {"timeframe": "1T"}),
    post("no such timeframe", "/database/ohlcv", _RECORDED | {"timeframe": "1M"}),
    post("two bars", "/database/export", _RECORDED),
    post("a symbol without bars", "/database/export", {"symbol": "ADAUSDT"}),
    delete("what is older than an hour", "/database/cleanup", hours=1),
    post("all free space", "/database/vacuum"),
    delete("everything", "/database/clear"),
    post("a pair", "/api/v1/alerts/rules", {"of": PAIR, "when": "abs(zscore) > 2 and corr > 0.5", "every": "1m", "for": "5m"}),
    post("no condition", "/api/v1/alerts/rules", {"of": PAIR}),
    get("one rule", "/api/v1/alerts/rules"),
    get("a rule", "/api/v1/alerts/rules/{rule}", rule=RULE_ID),
    get("no such rule", "/api/v1/alerts/rules/{rule}", rule="x"),
    delete("a rule", "/api/v1/alerts/rules/{rule}", rule=RULE_ID),
    get("two bars", "/api/v1/bars/{symbol}", symbol="btcusdt", every="1m", limit=2, since="2026-01-01T00:40:00.000Z"),
    get("one as CSV", "/api/v1/bars/{symbol}", symbol="BTCUSDT", limit=1, format="csv"),
    get("a series that is not recorded", "/api/v1/bars/{symbol}", symbol="BTCUSDT", every="5m"),
    get("a point", "/api/v1/points/{pair}", pair=PAIR, limit=1, since="2026-01-01T00:58:00.000Z"),
    get("two trades", "/api/v1/ticks/{symbol}", symbol="BTCUSDT", from_id=7, limit=2),
    get("two lines", "/api/v1/ticks/{symbol}", symbol="BTCUSDT", limit=2, format="ndjson"),
)
"""Each is asked of a market of its own."""


def token(folder: Path) -> str:
    """A token that may do everything."""
    return TokenFile(folder).create("operator", "admin", SystemClock().now(), None)


class Answered(NamedTuple):
    """A request with its answer, and what was sent: bytes and headers."""

    example: Example
    data: bytes
    headers: Mapping[str, str]


async def asked(request: Example, services: FakeServices) -> Answered:
    """What a request is answered. Where it takes a token, it has one."""
    with TemporaryDirectory() as folder:
        return await _asked(request, services, Path(folder))


async def _asked(request: Example, services: FakeServices, folder: Path) -> Answered:
    metrics = Metrics()
    register_pool_metrics(services.pool, metrics)
    app = make_app(services, settings := ApiSettings(), metrics.render, gate=Gate(settings, Tokens(folder)))
    app[TICKETS] = Tickets(app[GATE].clock, lambda: TICKET)
    headers = request.headers | ({"Authorization": f"Bearer {token(folder)}"} if (request.method, request.path) in _ADMIN else {})
    target = request.path.format(**request.given)
    query = {name: str(value) for name, value in request.given.items() if f"{{{name}}}" not in request.path}
    async with ApiServer(app) as server, ClientSession() as session:
        ask = session.request(request.method, server.make_url(target), params=query, json=request.body, headers=headers)
        async with ask as response:
            data = await response.read()
    answer = json.loads(data) if response.content_type == "application/json" else data.decode()
    example = msgspec.structs.replace(request, status=response.status, answer=answer, type=response.content_type)
    return Answered(example, data, response.headers)


async def answers() -> AsyncIterator[Answered]:
    """All of them with their answers."""
    for request in ASKED:
        yield await asked(request, market())


async def record() -> None:
    """Write the examples."""
    lines = [msgspec.json.encode(each.example).decode() async for each in answers()]
    FILE.write_text("[\n" + ",\n".join(lines) + "\n]\n", "utf-8")


if __name__ == "__main__":
    asyncio.run(record())
