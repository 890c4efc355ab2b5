"""Maintenance, halts, floods and a wrong clock, as a client sees them."""

import json
from email.utils import parsedate_to_datetime
from typing import Any

import aiohttp
import pytest
import websockets

from quantd.simulator.faults.active import ActiveFaults
from quantd.simulator.faults.fault import World
from quantd.simulator.faults.schedule import FaultSchedule
from quantd.simulator.faults.spec import FaultSpec, Match
from tests.simulator.support import EPOCH, ManualClock, Simulator, exchange

from .support import BTC, ETH, ask, fault, ids, trades

PATH = f"/market/ws/{BTC}"


async def get(simulator: Simulator, path: str, **query: Any) -> tuple[int, Any, Any]:
    async with aiohttp.ClientSession(simulator.rest) as session, session.get(f"/fapi/v1/{path}", params=query) as response:
        return response.status, response.headers, await response.json()


async def test_maintenance_stops_everything_and_ids_go_on(faulty: Simulator) -> None:
    async with faulty.connect(PATH) as ws:
        got = await ids(ws, 5)
        async with fault(faulty, "maintenance"):
            with pytest.raises(websockets.InvalidStatus, match="503"):
                await faulty.connect(PATH)
            status, _, body = await get(faulty, "ping")
            assert (status, body["code"]) == (503, -1016)
            published = await silent(faulty)
            got += await ids(ws, published - got[-1])
        got += await ids(ws, 50)
    assert got == list(range(got[0], got[0] + len(got)))
    rows = (await get(faulty, "aggTrades", symbol="BTCUSDT", fromId=got[0], limit=1000))[2]
    assert [row["a"] for row in rows][: len(got)] == got


async def silent(simulator: Simulator) -> int:
    """The last id of BTCUSDT, once the exchange has been at rest for a while."""
    last, since = 0, 0
    while True:
        state = (await ask(simulator, "GET", "/state"))[1]
        head = state["symbols"]["BTCUSDT"]["next_id"] - 1
        if head != last:
            last, since = head, state["now"]
        elif state["now"] > since + 60:
            return last


async def test_maintenance_can_cut_and_jump(faulty: Simulator) -> None:
    async with faulty.connect(PATH) as ws:
        await ids(ws, 1)
        async with fault(faulty, "maintenance", cut="close:1001", jump=1_000):
            await ws.wait_closed()
            before = await silent(faulty)
        async with faulty.connect(PATH) as ws:
            assert (await ids(ws, 1))[0] > before + 1_000


@pytest.mark.parametrize(("kind", "status"), [("halt", "CLOSE"), ("delist", "SETTLING"), ("list", "PENDING_TRADING")])
async def test_a_symbol_that_is_not_traded(faulty: Simulator, kind: str, status: str) -> None:
    async with faulty.connect("/market/ws/!contractInfo") as news, faulty.connect(f"{PATH}/{ETH}") as ws:
        async with fault(faulty, kind, {"symbol": "ETHUSDT"}):
            event = json.loads(await news.recv())
            assert (event["e"], event["s"], event["cs"]) == ("contractInfo", "ETHUSDT", status)
            assert list(event) == ["e", "E", "s", "ct", "dt", "ot", "cs", "st"]
            of_coin_m = json.loads(await news.recv())
            assert (event["st"], of_coin_m["st"], of_coin_m["s"]) == (1, 2, "ETHUSD_PERP")
            info = (await get(faulty, "exchangeInfo"))[2]
            assert {row["symbol"]: row["status"] for row in info["symbols"]} == {"BTCUSDT": "TRADING", "ETHUSDT": status}
            seen: list[str] = []
            while seen[-40:] != ["BTCUSDT"] * 40:
                seen.append((await trades(ws, 1))[0]["s"])
        assert json.loads(await news.recv())["cs"] == "TRADING"
        while (await trades(ws, 1))[0]["s"] == "BTCUSDT":
            pass


async def test_a_symbol_that_is_listed_later(faulty: Simulator) -> None:
    async with faulty.connect("/market/ws/!contractInfo") as news, faulty.connect(f"{PATH}/{ETH}") as ws:
        async with fault(faulty, "unlisted", {"symbol": "ETHUSDT"}):
            assert [row["symbol"] for row in (await get(faulty, "exchangeInfo"))[2]["symbols"]] == ["BTCUSDT"]
            status, _, answer = await get(faulty, "aggTrades", symbol="ETHUSDT")
            assert (status, answer["code"]) == (400, -1121)
        event = json.loads(await news.recv())
        assert (event["s"], event["cs"]) == ("ETHUSDT", "TRADING")
        while (await trades(ws, 1))[0]["s"] == "BTCUSDT":
            pass


async def test_an_engine_restart_ends_in_a_burst(faulty: Simulator) -> None:
    async with faulty.connect(PATH) as ws:
        got = await trades(ws, 1)
        async with fault(faulty, "engine_restart", down_ms=100, burst=200, burst_ms=20):
            got += await trades(ws, 1)
            while got[-1]["T"] - got[-2]["T"] < 90:
                got += await trades(ws, 1)
            began = got[-1]["T"]
            got += await trades(ws, 220)
    assert [trade["a"] for trade in got] == list(range(got[0]["a"], got[0]["a"] + len(got)))
    assert len([trade for trade in got if began <= trade["T"] < began + 20]) >= 190


async def test_a_flood_is_of_real_trades(faulty: Simulator) -> None:
    async with fault(faulty, "flood", {"symbol": "BTCUSDT"}, rate_per_s=5_000), faulty.connect(f"{PATH}/{ETH}") as ws:
        got = await trades(ws, 1_000)
    flood = [trade for trade in got if trade["s"] == "BTCUSDT"]
    assert len(flood) > 800
    assert {trade["a"] for trade in flood} <= set(faulty.rows("BTCUSDT"))


async def test_a_wrong_clock(faulty: Simulator) -> None:
    async with faulty.connect(PATH) as ws, fault(faulty, "clock", offset_ms=3_600_000, drift_ppm=100):
        while (trade := (await trades(ws, 1))[0])["E"] < trade["T"] + 3_000_000:
            pass
        row = faulty.rows("BTCUSDT")[trade["a"]]
        assert trade["T"] == row[6]
        assert trade["E"] - row[8] == pytest.approx(3_600_000, abs=100)
        _, headers, body = await get(faulty, "time")
        assert body["serverTime"] > trade["T"] + 3_500_000
        assert parsedate_to_datetime(headers["Date"]).timestamp() * 1000 > trade["T"] + 3_500_000
    assert (await get(faulty, "time"))[2]["serverTime"] < trade["T"] + 3_500_000


def test_silence_goes_before_a_flood_and_both_end() -> None:
    clock = ManualClock()
    served = exchange(clock)
    schedule = FaultSchedule(ActiveFaults(), World(served, [], lambda _stream, _payloads: None))
    schedule.add(FaultSpec(kind="flood", params={"rate_per_s": 1000}, at=EPOCH + 1_000, for_ms=3_000, match=Match(symbol="ETHUSDT")), EPOCH)
    schedule.add(FaultSpec(kind="halt", at=EPOCH + 2_000, for_ms=1_000), EPOCH)
    counts = []
    for second in range(5):
        count = 0
        for step in range(50, 1_001, 50):
            clock.now = EPOCH + second * 1_000 + step
            schedule.advance(clock.now)
            count += len(served.listings["ETHUSDT"].advance(clock.now))
        counts.append(count)
    assert counts[0] < 50
    assert counts[1] >= 930
    assert counts[2] <= 50
    assert counts[3] >= 930
    assert counts[4] < 80
