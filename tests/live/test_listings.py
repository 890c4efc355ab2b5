"""What the exchange lists and delists, as an operator meets it: told at once, at its place, and nobody waits for it."""

import asyncio
import csv
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import aiohttp
import yaml
from websockets.asyncio.client import ClientConnection

import quantd
from quantd.cli.exchange import Exchange, simulator
from quantd.clock import SystemClock
from quantd.simulator.scenario import BUILT_IN
from quantd.timeframes import MINUTE
from quantd_plugins.feeds.replay import Replay
from quantd_plugins.stores.local import Local

from .conftest import HISTORY_H, Running, Start, write_config
from .test_daemon import frame, get, watching


async def test_unlisted_and_delisted_symbols_are_told_of_and_hold_up_nobody(folder: Path, start: Start, exchange: Exchange) -> None:
    config = folder / "quantd.yaml"
    settings = yaml.safe_load(config.read_text())
    config.write_text(yaml.safe_dump(settings | {"pairs": [*settings["pairs"], "BTCUSD-BNBUSDT"]}))
    place = f"quantd.yaml:{1 + config.read_text().splitlines().index('- BTCUSD-BNBUSDT')}:3: pairs[2]"
    text = f"{place}: binance-futures does not list BTCUSD (did you mean 'BTCUSDT'?)"
    daemon = start(folder)
    async with asyncio.timeout(200), aiohttp.ClientSession() as session, watching(daemon, "SOLUSDT") as socket:
        assert (await states(daemon))["BTCUSD"] == "unlisted"
        assert (await get(daemon, "/ready"))["status"] == "ready"
        health = await get(daemon, "/health")
        assert (health["status"], [(each["name"], each["text"]) for each in health["reasons"]]) == ("degraded", [("BTCUSD", text)])
        assert await reasons(daemon, "BTCUSD-BNBUSDT") == {"unlisted"}
        async with session.post(f"{exchange.ctl}/fault", json={"kind": "delist", "match": {"symbol": "AVAXUSDT"}}) as answer:
            fault = (await answer.json())["id"]
        await until(daemon, socket, "AVAXUSDT", "delisted")
        assert await reasons(daemon, "SOLUSDT-AVAXUSDT") == {"delisted"}
        async with session.delete(f"{exchange.ctl}/fault/{fault}") as answer:
            assert answer.status == 200
        await until(daemon, socket, "AVAXUSDT", "live")
        assert [each["name"] for each in (await get(daemon, "/health"))["reasons"]] == ["BTCUSD"]
    assert daemon.stop() == 0
    assert daemon.process.stderr
    log = daemon.process.stderr.read()
    assert log.count(text) == 1
    assert log.count("no longer lists AVAXUSDT") == 1
    assert "BTCUSD begins without" not in log, "nobody waits for its past"


async def until(daemon: Running, socket: ClientConnection, symbol: str, state: str) -> None:
    while (await states(daemon))[symbol] != state:
        await frame(socket, "trade")


async def states(daemon: Running) -> dict[str, str]:
    return {row["symbol"]: row["state"] for row in await get(daemon, "/quality")}


async def reasons(daemon: Running, pair: str) -> set[Any]:
    return {row["reason"] for row in await get(daemon, "/pairs") if row["pair"] == pair}


PAIR = "币安人生USDT-BTCUSDT_270326"


async def test_a_name_beyond_ascii_a_contract_with_an_end_a_closed_market_and_a_new_listing(tmp_path: Path, start: Start) -> None:
    """Through all that has to do with names: subscriptions, REST, pairs, sockets, exports, the store and recordings."""
    with simulator(tmp_path / "ledger", "--scenario", str(strange(tmp_path))) as exchange:
        write_config(tmp_path, exchange.ws, exchange.rest)
        config = tmp_path / "quantd.yaml"
        settings = yaml.safe_load(config.read_text())
        settings["feeds"]["binance-futures"]["record"] = "raw"
        config.write_text(yaml.safe_dump(settings | {"pairs": [PAIR], "symbols": ["NEWUSDT", "SHAREUSDT"]}, allow_unicode=True))
        daemon = start(tmp_path)
        names = PAIR.split("-")
        async with asyncio.timeout(200), aiohttp.ClientSession() as session, watching(daemon, *names) as socket:
            assert (await states(daemon))["NEWUSDT"] == "unlisted"
            seen: set[str] = set()
            while seen != set(names):
                seen.add((await frame(socket, "trade"))["symbol"])
            for name in names:
                assert (await get(daemon, f"/data/{name}?tf=1m&limit=5"))[0]["close"] > 0
            while await reasons(daemon, PAIR) != {None}:
                await frame(socket, "trade")
            y, x = names
            assert (await get(daemon, f"/analytics/adf?symbol_a={y}&symbol_b={x}&tf=1m&window=30"))["n"] > 0
            async with session.get(f"{exchange.ctl}/faults") as answer:
                (unlisted,) = await answer.json()
            async with session.delete(f"{exchange.ctl}/fault/{unlisted['id']}") as answer:
                assert answer.status == 200
            await until(daemon, socket, "NEWUSDT", "live")
            await until(daemon, socket, "SHAREUSDT", "closed")
            assert (await get(daemon, "/health"))["status"] == "healthy"
        assert daemon.stop() == 0
        truth = {name: ledger(exchange, name) for name in names}
    for name, ids in kept(tmp_path, names).items():
        live = ids & truth[name]
        assert live
        assert ids >= {number for number in truth[name] if min(live) <= number <= max(live)}
    assert {tick.symbol for tick in await recorded(tmp_path)} >= set(names)
    rows = {kind: next((tmp_path / "exports").glob(f"{kind}-*.csv")).read_text("utf-8") for kind in ("bars", "points")}
    assert all(f"{name}," in rows["bars"] for name in names)
    assert f"{PAIR}," in rows["points"]


async def recorded(folder: Path) -> list[quantd.Tick]:
    """What a replay finds in the frames as they were received."""
    files = tuple(str(file) for file in (folder / "state/raw/binance-futures").iterdir() if file.stat().st_size)
    stream = Replay(files=files).stream(quantd.Subscription(()))
    return [event async for batch in stream for event in batch if isinstance(event, quantd.Tick)]


def strange(folder: Path) -> Path:
    """The scenario of odd symbols, of which the exchange tells the last hours. One is listed later, and the market of one is closed."""
    scenario = yaml.safe_load((BUILT_IN / "odd.yaml").read_text("utf-8"))
    scenario["symbols"]["NEWUSDT"] = {"level": 3.0, "tick": 0.001, "step": 1, "rate": 5}
    scenario["symbols"]["SHAREUSDT"]["sessions"] = closed_for_long()
    later = {"at": "0s", "fault": {"kind": "unlisted", "match": {"symbol": "NEWUSDT"}}}
    path = folder / "strange.yaml"
    changes = {"limits": {"history_h": HISTORY_H}, "quirks": {}, "steps": [later]}
    path.write_text(yaml.safe_dump(scenario | changes, allow_unicode=True), "utf-8")
    return path


def closed_for_long() -> dict[str, str]:
    """Sessions that have been over for minutes, and are so for a quarter of an hour more."""
    now = SystemClock().now() // MINUTE
    period = next(minutes for minutes in range(60, 200) if 25 <= now % minutes < minutes - 15)
    return {"market": "EQUITY", "open": "20m", "closed": f"{period - 20}m"}


def kept(folder: Path, names: Sequence[str]) -> dict[str, set[int]]:
    """The ids that the store has."""
    store = Local()
    store.open(folder / "state")
    try:
        return {name: set(store.ticks(name, 0, 2**62)["id"].tolist()) for name in names}
    finally:
        store.close()


def ledger(exchange: Exchange, name: str) -> set[int]:
    """The ids that the exchange has sent."""
    with next(exchange.ledger.glob(f"{name}*.csv")).open(newline="", encoding="utf-8") as file:
        return {int(row["a"]) for row in csv.DictReader(file)}
