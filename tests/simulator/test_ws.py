"""Routes, forms and the delivery of data."""

import json
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import websockets

from .support import Simulator, Start, call, read_all

FLOOD = """
symbols:
  BTCUSDT: {level: 90000, tick: 0.1, step: 0.001, rate: 40000}
limits: {send_queue_bytes: 2000000}
"""
KEYS = ["e", "E", "s", "a", "p", "q", "nq", "f", "l", "T", "m", "st"]


async def trades(ws: websockets.ClientConnection, n: int) -> list[dict[str, Any]]:
    return [json.loads(await ws.recv()) for _ in range(n)]


async def test_raw_paths_send_bare_payloads(demo: Simulator) -> None:
    async with demo.connect("/market/ws/btcusdt@aggTrade/ethusdt@aggTrade") as ws:
        frames = await trades(ws, 120)
    assert {frame["s"] for frame in frames} == {"BTCUSDT", "ETHUSDT"}
    assert all(list(frame)[:12] == KEYS for frame in frames)
    assert any(list(frame)[12:] for frame in frames)  # now and then a field that nobody knows
    ids = [frame["a"] for frame in frames if frame["s"] == "BTCUSDT"]
    assert ids == list(range(ids[0], ids[0] + len(ids)))


async def test_frames_equal_the_ledger_and_rest(demo: Simulator) -> None:
    async with demo.connect("/market/stream?streams=btcusdt@aggTrade/adausdt@aggTrade") as ws:
        for _ in range(50):
            data = json.loads(await ws.recv())["data"]
            decimals = {"BTCUSDT": (10, 1000), "ADAUSDT": (10_000, 1)}[data["s"]]
            row = demo.rows(data["s"])[data["a"]]  # already there: the ledger is written first
            shown = [round(float(data["p"]) * decimals[0]), *(round(float(data[key]) * decimals[1]) for key in ("q", "nq"))]
            assert row[1:] == [*shown, data["f"], data["l"], data["T"], int(data["m"]), data["E"]]
            assert data["E"] >= data["T"]
    async with aiohttp.ClientSession(demo.rest) as session:
        query = {"symbol": data["s"], "fromId": data["a"], "limit": 1}
        async with session.get("/fapi/v1/aggTrades", params=query) as response:
            assert await response.json() == [{key: data[key] for key in ("a", "p", "q", "nq", "f", "l", "T", "m")}]


async def test_the_past_meets_the_stream_without_a_seam(start: Start) -> None:
    simulator = start("--epoch", 1_795_000_000_000, "--rate", 10)
    async with simulator.connect("/market/ws/btcusdt@aggTrade") as ws, aiohttp.ClientSession(simulator.rest) as session:
        [*_, last] = await trades(ws, 30)
        first_live = min(simulator.rows("BTCUSDT"))
        async with session.get("/fapi/v1/aggTrades", params={"symbol": "BTCUSDT", "fromId": first_live - 200, "limit": 1000}) as response:
            rows = [row for row in await response.json() if row["a"] <= last["a"]]
    assert [row["a"] for row in rows] == list(range(first_live - 200, last["a"] + 1))
    assert rows[199]["T"] <= 1_795_000_000_000 < rows[-1]["T"]


async def test_equal_seeds_and_epochs_give_equal_ledgers(start: Start) -> None:
    ledgers = []
    for _ in range(2):
        simulator = start("--epoch", 1_795_000_000_000, "--seed", 9, "--rate", 10)
        async with simulator.connect("/market/ws/btcusdt@aggTrade") as ws:
            await trades(ws, 20)
        simulator.stop()
        ledgers.append({trade_id: row[:8] for trade_id, row in simulator.rows("ETHUSDT").items()})
    shared = min(map(len, ledgers))
    assert shared > 5
    assert list(ledgers[0].items())[:shared] == list(ledgers[1].items())[:shared]


async def test_the_combined_property_switches_the_form(demo: Simulator) -> None:
    async with demo.connect("/market/stream") as ws:
        assert (await call(ws, "GET_PROPERTY", ["combined"]))["result"] is True
        await call(ws, "SUBSCRIBE", ["ethusdt@aggTrade"])
        envelope = json.loads(await ws.recv())
        assert list(envelope) == ["stream", "data"]
        assert envelope["stream"] == "ethusdt@aggTrade"
        await call(ws, "SET_PROPERTY", ["combined", False])
        assert json.loads(await ws.recv())["e"] == "aggTrade"


async def test_unsubscribed_streams_fall_silent(demo: Simulator) -> None:
    async with demo.connect("/market/ws/btcusdt@aggTrade/ethusdt@aggTrade") as ws:
        await call(ws, "UNSUBSCRIBE", ["btcusdt@aggTrade"])
        assert {frame["s"] for frame in await trades(ws, 40)} == {"ETHUSDT"}


async def test_a_second_subscription_does_not_double_the_data(demo: Simulator) -> None:
    async with demo.connect("/market/ws/btcusdt@aggTrade") as ws:
        await call(ws, "SUBSCRIBE", ["btcusdt@aggTrade"])
        ids = [frame["a"] for frame in await trades(ws, 25)]
    assert len(set(ids)) == 25


@pytest.mark.parametrize("path", ["/public/ws", "/private/ws", "/ws", "/stream", "/public/stream", "/ws/btcusdt@aggTrade"])
async def test_a_stream_on_the_wrong_route_is_accepted_and_silent(demo: Simulator, path: str) -> None:
    async with demo.connect(path) as silent, demo.connect("/market/ws/btcusdt@aggTrade") as live:
        await silent.send('{"method":"SUBSCRIBE","params":["btcusdt@aggTrade","ethusdt@aggTrade"],"id":1}')
        await trades(live, 10)
        await silent.send('{"method":"GET_PROPERTY","params":["combined"],"id":2}')
        assert [json.loads(await silent.recv())["id"] for _ in range(2)] == [1, 2]  # and nothing in between


async def test_an_unknown_symbol_is_accepted_and_silent(demo: Simulator) -> None:
    async with demo.connect("/market/ws/nosuchusdt@aggTrade") as silent, demo.connect("/market/ws/btcusdt@aggTrade") as live:
        await trades(live, 10)
        assert (await call(silent, "LIST_SUBSCRIPTIONS", request_id=7)) == {"result": ["nosuchusdt@aggTrade"], "id": 7}


@pytest.mark.parametrize("path", ["/", "/market", "/spot/ws", "/market/streams", "/public/stream/btcusdt@bookTicker"])
async def test_unknown_paths_are_404(demo: Simulator, path: str) -> None:
    with pytest.raises(websockets.InvalidStatus, match="404"):
        async with demo.connect(path):
            pass


async def test_a_path_with_an_illegal_stream_is_closed(demo: Simulator) -> None:
    async with demo.connect("/market/ws/BTCUSDT@aggTrade") as ws:
        await ws.wait_closed()
    assert (ws.close_code, ws.close_reason) == (1008, '{"code":-1,"msg":"Illegal format ws or stream"}')


async def test_a_connection_may_have_a_number_in_its_path_as_ccxt_gives_it(demo: Simulator) -> None:
    async with demo.connect("/market/ws/7") as ws:
        assert (await call(ws, "SUBSCRIBE", ["btcusdt@aggTrade"], request_id=1)) == {"result": None, "id": 1}
        assert [trade["s"] for trade in await trades(ws, 2)] == ["BTCUSDT"] * 2


async def test_the_day_ticker(demo: Simulator) -> None:
    async with demo.connect("/market/ws/adausdt@ticker") as ws:
        [ticker] = await trades(ws, 1)
    assert list(ticker) == [*"eEspPwcQohlvqOCFLn", "ps", "st"]
    assert ticker["e"] == "24hrTicker"
    assert float(ticker["l"]) <= float(ticker["w"]) <= float(ticker["h"])
    assert float(ticker["p"]) == pytest.approx(float(ticker["c"]) - float(ticker["o"]))


async def test_a_client_ping_is_answered(demo: Simulator) -> None:
    async with demo.connect("/market/ws") as ws:
        await (await ws.ping(b"are you there"))


async def test_the_server_pings_and_cuts_the_mute(strict: Simulator) -> None:
    async with aiohttp.ClientSession() as session, session.ws_connect(f"{strict.ws}/market/ws", autoping=False) as ws:
        message = await ws.receive()
        assert message.type is aiohttp.WSMsgType.PING
        assert int(message.data) > 1_700_000_000_000
        while message.type is aiohttp.WSMsgType.PING:
            message = await ws.receive()
        assert message.type in (aiohttp.WSMsgType.CLOSED, aiohttp.WSMsgType.ERROR)


async def test_answered_pings_keep_the_connection(strict: Simulator) -> None:
    async with strict.connect("/market/ws") as ws, strict.connect("/market/ws/btcusdt@aggTrade") as clock:
        first = (await trades(clock, 1))[0]["E"]
        while (await trades(clock, 1))[0]["E"] < first + 400:
            pass
        assert (await call(ws, "LIST_SUBSCRIPTIONS"))["result"] == []


async def test_who_talks_too_much_is_closed_with_1008(demo: Simulator) -> None:
    async with demo.connect("/market/ws") as ws:
        for i in range(11):
            await ws.send(json.dumps({"method": "LIST_SUBSCRIPTIONS", "id": i}))
        await ws.wait_closed()
    assert (ws.close_code, ws.close_reason) == (1008, "too many requests")


async def test_a_slow_client_is_cut_and_holds_nobody_up(start: Start, tmp_path: Path) -> None:
    (tmp_path / "flood.yaml").write_text(FLOOD)
    flood = start("--scenario", tmp_path / "flood.yaml")
    slow = flood.upgraded("/market/ws/btcusdt@aggTrade", receive_buffer=4096)
    async with aiohttp.ClientSession() as session, session.ws_connect(f"{flood.ws}/market/ws/btcusdt@aggTrade") as quick:
        while len(await connections(session, flood)) < 2:
            pass
        frames = [json.loads((await quick.receive()).data)["a"]]
        while len(await connections(session, flood)) > 1:
            frames += [json.loads((await quick.receive()).data)["a"] for _ in range(1000)]
    assert frames == list(range(frames[0], frames[0] + len(frames)))
    with slow, pytest.raises(ConnectionResetError):
        read_all(slow)
    flood.stop()


async def test_symbols_beyond_ascii(start: Start) -> None:
    odd = start("--scenario", "odd", "--rate", 20)
    async with odd.connect("/market/stream") as ws:
        assert "error" not in await call(ws, "SUBSCRIBE", ["币安人生usdt@aggTrade"])
        frame = json.loads(await ws.recv())
    assert (frame["stream"], frame["data"]["s"]) == ("币安人生usdt@aggTrade", "币安人生USDT")
    assert frame["data"]["a"] in odd.rows("币安人生USDT")
    async with aiohttp.ClientSession(odd.rest) as session:
        query = {"symbol": "币安人生USDT", "fromId": frame["data"]["a"], "limit": 1}
        async with session.get("/fapi/v1/aggTrades", params=query) as response:
            assert (await response.json())[0]["p"] == frame["data"]["p"]


async def connections(session: aiohttp.ClientSession, simulator: Simulator) -> list[Any]:
    async with session.get(f"{simulator.ctl}/connections") as response:
        return list(await response.json())
