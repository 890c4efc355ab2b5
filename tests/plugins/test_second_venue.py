"""The feed of docs/plugins.md works as it stands there: on a venue of its own, over a line that is cut."""

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from itertools import count
from pathlib import Path
from typing import Any

import pytest
import yaml
from aiohttp import web
from aiohttp.test_utils import TestServer

from quantd.clock import SystemClock
from quantd.config.load import load
from quantd.flow.feed import FeedFlow
from quantd.model import Bar
from quantd.plugin.loader import load as load_plugins
from quantd.runtime.build import build
from quantd.runtime.runtime import Runtime
from quantd.testing.checks import checks_for
from quantd.timeframes import MINUTE, SECOND
from tests.conftest import ROOT
from tests.unit.net.proxy_servers import proxying
from tests.waiting import until

DOC = (ROOT / "docs/plugins.md").read_text("utf-8")
CODE, CONFIG = re.findall(r"^```(?:python|yaml)\n(.*?)^```", DOC, re.DOTALL | re.MULTILINE)
PIPELINE = re.search(r"# (pipelines/\S+): (\{.*\})", CONFIG)
BEAT_S = 0.02
MISSED = 80
"""In more than a second and a half: one bar at least closes without them."""
SYMBOLS = ("AAAUSD", "BBBUSD")
NOW = SystemClock().now


class Venue:
    """The made-up exchange: both symbols trade at each beat, whoever listens. It refuses upgrades while `shut`, and confirms no
    subscription unless `open`."""

    def __init__(self) -> None:
        self.shut = False
        self.open = asyncio.Event()
        self.open.set()
        self.tape: dict[str, list[dict[str, Any]]] = {symbol: [] for symbol in SYMBOLS}
        self.asked: list[tuple[int, int]] = []
        self.refused = 0
        self._ears: dict[web.WebSocketResponse, list[str]] = {}
        self._lines: set[asyncio.Transport] = set()
        app = web.Application()
        app.router.add_get("/stream", self._stream)
        app.router.add_get("/trades", self._trades)
        self.server = TestServer(app)
        began = NOW() - 4 * MINUTE
        for number in range(1, 2_401):  # more than a page
            self._trade(number, began + number * 100)

    def _trade(self, number: int, ts: int) -> list[dict[str, Any]]:
        fresh: list[dict[str, Any]] = [
            {"symbol": symbol, "id": number, "ts": ts, "price": f"{100 + number % 7}.5", "qty": f"0.{1 + number % 9}", "side": side}
            for symbol, side in zip(SYMBOLS, ("buy", "sell"), strict=True)
        ]
        for row in fresh:
            self.tape[row["symbol"]].append(row)
        return fresh

    async def trade_on(self) -> None:
        """Until it is cancelled."""
        for number in count(2_401):
            rows = self._trade(number, NOW())
            for ear, symbols in list(self._ears.items()):
                told = [{"op": "trade"} | row for row in rows if row["symbol"] in symbols]
                with suppress(ConnectionError):
                    for frame in [*told, {"op": "time", "ts": NOW()}]:
                        await ear.send_json(frame)
            await asyncio.sleep(BEAT_S)

    async def cut(self, *, missed: int) -> None:
        """Break every line without a word, refuse the next one, and return when one is asked to be served that has missed so many trades
        of a symbol: it waits for `open`."""
        self.shut = True
        self.open.clear()
        for line in self._lines:
            line.abort()
        since = len(self.tape["AAAUSD"])
        await until(lambda: self.refused)
        self.shut = False
        await until(lambda: [] in self._ears.values() and len(self.tape["AAAUSD"]) >= since + missed)

    async def _stream(self, request: web.Request) -> web.StreamResponse:
        if self.shut:
            self.refused += 1
            return web.Response(status=503)
        ws = web.WebSocketResponse()
        await ws.prepare(request)
        self._lines.add(request.transport)
        self._ears[ws] = []
        async for message in ws:
            symbols = message.json()["symbols"]
            await self.open.wait()
            await ws.send_json({"op": "subscribed", "symbols": symbols})
            self._ears[ws] = symbols
        self._ears.pop(ws, None)
        return ws

    async def _trades(self, request: web.Request) -> web.Response:
        tape = self.tape[request.query["symbol"]]
        if "first" not in request.query:
            return web.json_response(tape[-1_000:])
        first, last = int(request.query["first"]), int(request.query["last"])
        self.asked.append((first, last))
        return web.json_response([row for row in tape if first <= row["id"] <= last][:1_000])

    def bar(self, symbol: str, ts: int) -> tuple[Any, ...]:
        """What the second from `ts` (ms) on was like: open, high, low, close, volume, trades, volume that takers bought."""
        rows = [row for row in self.tape[symbol] if ts <= row["ts"] < ts + SECOND]
        prices, sizes = [float(row["price"]) for row in rows], [float(row["qty"]) for row in rows]
        bought = sum(size for size, row in zip(sizes, rows, strict=True) if row["side"] == "buy")
        return (prices[0], max(prices), min(prices), prices[-1], pytest.approx(sum(sizes)), len(rows), pytest.approx(bought))


@pytest.fixture
async def venue() -> AsyncIterator[Venue]:
    venue = Venue()
    await venue.server.start_server()
    trading = asyncio.create_task(venue.trade_on())
    yield venue
    trading.cancel()
    await venue.server.close()


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """What the document shows, each block in the file that its first line names."""
    for name in ("plugins", "pipelines"):
        (tmp_path / name).mkdir()
    (tmp_path / CODE.split(maxsplit=2)[1]).write_text(CODE)
    (tmp_path / PIPELINE[1]).write_text(PIPELINE[2])
    monkeypatch.chdir(tmp_path)  # where the shipped pipeline exports to
    return tmp_path


@asynccontextmanager
async def running(folder: Path, url: str) -> AsyncIterator[Runtime]:
    """What the daemon makes of the document's config, on this exchange."""
    settings = yaml.safe_load(CONFIG) | {"store": "local", "sinks": {"log": {}}}
    settings["feeds"]["made-up"]["url"] = url
    (folder / "quantd.yaml").write_text(yaml.safe_dump(settings))
    loaded = load(folder / "quantd.yaml", {})
    runtime = build(loaded.config, loaded.registry, SystemClock(), folder / "state", warm=True)
    task = asyncio.create_task(runtime.run())
    try:
        yield runtime
    finally:
        task.cancel()
        [ended] = await asyncio.gather(task, return_exceptions=True)
        assert isinstance(ended, asyncio.CancelledError), repr(ended)


def whole(flow: FeedFlow, since: int) -> bool:
    """Whether nothing is missing of what was traded before and after an outage, of any symbol."""
    stages = flow.stages
    return all(stage.last.ts > since and stage.intake.repaired and not stage.intake.ledger.missing for stage in stages)


def test_it_is_as_short_as_promised() -> None:
    assert len([line for line in CODE.splitlines() if line and not line.startswith("# ")]) <= 70
    assert len(DOC.splitlines()) <= 150


def test_it_passes_the_checks(folder: Path) -> None:
    registry = load_plugins([folder / "plugins"])
    assert registry.faults == []
    for verify in checks_for(registry.get("feed", "made-up").plugin).values():
        verify()


async def test_what_a_cut_line_cost_is_repaired_and_every_bar_is_whole(folder: Path, venue: Venue) -> None:
    told: list[Bar] = []
    async with running(folder, str(venue.server.make_url("")).rstrip("/")) as runtime:
        (flow,) = runtime.flows
        runtime.outputs.hub.listen("bars", told.extend)
        await until(lambda: flow.warm == 2 and flow.state == "live")
        began = NOW()
        (line,) = flow.health().connections
        assert (line.state, line.streams, line.reconnects) == ("up", 2, 0)
        await venue.cut(missed=MISSED)
        assert flow.state == "down", "though it is told the time: what it wants is not confirmed"
        venue.open.set()
        back = NOW()
        await until(lambda: whole(flow, back))
        end = NOW() - NOW() % SECOND
        await until(lambda: flow.state == "live" and all(_closed(runtime, symbol, end) for symbol in SYMBOLS))
        bars = {symbol: runtime.outputs.history.bars(symbol, "1s", began - 2 * MINUTE, end) for symbol in SYMBOLS}
        assert flow.health().connections[0].reconnects >= 2, "the cut, and an upgrade that was refused"
    gaps = {bar.ts for bar in told if bar.quality == "gap" and bar.every == "1s" and bar.ts < end}
    assert gaps, "what was missing was named meanwhile"
    assert any(last - first + 1 >= MISSED for first, last in venue.asked), "and asked for by id"
    for symbol, made in bars.items():
        assert [bar.ts for bar in made] == list(range(made[0].ts, end, SECOND))
        assert sum(bar.trades for bar in made) == sum(made[0].ts <= row["ts"] < end for row in venue.tape[symbol])
        assert len(made) > 120
        assert {bar.quality for bar in made} == {"complete"}
        assert gaps <= {bar.ts for bar in made if bar.revision}
        for bar in [bar for bar in made if bar.trades]:  # on a busy machine the venue may rest for a second
            got = (bar.open, bar.high, bar.low, bar.close, bar.volume, bar.trades, bar.taker_buy_volume)
            assert got == venue.bar(symbol, bar.ts), bar


def _closed(runtime: Runtime, symbol: str, end: int) -> bool:
    """Whether all bars up to `end` (ms) are closed."""
    return bool(runtime.outputs.history.bars(symbol, "1s", end - SECOND, end))


async def test_it_works_behind_a_proxy(folder: Path, venue: Venue, monkeypatch: pytest.MonkeyPatch) -> None:
    async with proxying("socks5") as proxy:
        monkeypatch.setenv("ALL_PROXY", proxy.url())
        async with running(folder, f"http://made-up.test:{venue.server.port}") as runtime:
            (flow,) = runtime.flows
            await until(lambda: flow.warm == 2 and flow.state == "live")
        assert {host for host, _ in proxy.asked} == {"made-up.test"}
