"""Ends, silences and pings, as a client sees them."""

import asyncio
import json
import socket
from typing import Any

import aiohttp
import pytest
import websockets

from tests.simulator.support import Simulator, answer, call, read_all

from .support import BTC, ETH, ask, fault, ids, order, tailed, trades, until_behind, until_level

PATH = f"/market/ws/{BTC}"
NONE = "nosuchusdt@aggTrade"


@pytest.mark.parametrize(
    ("mode", "code", "reason"),
    [
        ("fin", 1006, ""),
        ("rst", 1006, ""),
        ("midframe", 1006, ""),
        ("close:1000", 1000, ""),
        ("close:1001", 1001, ""),
        ("close:1008:too many requests", 1008, "too many requests"),
        ("close:1011:a:b", 1011, "a:b"),
    ],
)
async def test_a_connection_ends_and_another_does_not(faulty: Simulator, mode: str, code: int, reason: str) -> None:
    async with faulty.connect(PATH) as hit, faulty.connect(f"/market/ws/{ETH}") as spared:
        await ids(hit, 1)
        await order(faulty, "disconnect", {"stream": BTC}, mode=mode)
        await hit.wait_closed()
        assert (hit.close_code, hit.close_reason or "") == (code, reason)
        await ids(spared, 20)


async def test_midframe_leaves_half_a_frame(faulty: Simulator) -> None:
    with faulty.upgraded("/market/ws") as raw:
        await until_open(faulty, 1)
        await order(faulty, "disconnect", mode="midframe")
        begun = until_reset(raw).partition(b"\r\n\r\n")[2]
    assert 2 < len(begun) < begun[1] + 2


async def test_random_ends_it_in_one_way_or_another(faulty: Simulator) -> None:
    codes = set()
    for _ in range(12):
        async with faulty.connect("/market/ws") as ws:
            await call(ws, "LIST_SUBSCRIPTIONS")
            await order(faulty, "disconnect", mode="random")
            await ws.wait_closed()
            codes.add(ws.close_code)
    assert len(codes) > 2


async def test_nth_and_conn_choose_a_connection(faulty: Simulator) -> None:
    async with faulty.connect(PATH) as first, faulty.connect(PATH) as second, faulty.connect(PATH) as third:
        rows = await until_open(faulty, 3)
        await order(faulty, "disconnect", {"nth": 2}, mode="fin")
        await second.wait_closed()
        await order(faulty, "disconnect", {"conn": rows[0]["id"]}, mode="fin")
        await first.wait_closed()
        await ids(third, 10)


@pytest.mark.parametrize("mode", ["before_ack", "after_ack"])
async def test_an_end_around_the_answer(faulty: Simulator, mode: str) -> None:
    async with faulty.connect("/market/ws") as ws, fault(faulty, "disconnect", mode=mode):
        await call(ws, "LIST_SUBSCRIPTIONS")  # only a SUBSCRIBE is answered so
        await ws.send(json.dumps({"method": "SUBSCRIBE", "params": [NONE], "id": 7}))
        if mode == "after_ack":
            assert json.loads(await ws.recv()) == {"result": None, "id": 7}
        with pytest.raises(websockets.ConnectionClosed):
            await ws.recv()
    async with faulty.connect("/market/ws") as ws:
        assert (await call(ws, "SUBSCRIBE", [BTC]))["result"] is None


@pytest.mark.parametrize("bare", [False, True])
async def test_the_end_of_a_day_with_and_without_a_warning(faulty: Simulator, bare: bool) -> None:
    async with faulty.connect("/market/ws") as ws:
        await order(faulty, "cut24h", shutdown=True, bare=bare, warning_ms=20, mode="close:1001")
        warning = json.loads(await ws.recv())
        assert (warning if bare else warning["event"])["e"] == "serverShutdown"
        await ws.wait_closed()
        assert ws.close_code == 1001
    async with faulty.connect("/market/ws") as ws:
        await order(faulty, "cut24h")
        await ws.wait_closed()
        assert ws.close_code in (1000, 1001, 1006)


async def test_a_data_stall_answers_pings_and_loses_data(faulty: Simulator) -> None:
    async with faulty.connect(PATH) as ws, faulty.connect(f"/public/ws/{BTC}") as deaf, faulty.connect(PATH) as other, tailed(ws) as got:
        rows = await until_open(faulty, 3)
        async with fault(faulty, "stall", {"conn": rows[0]["id"]}, mode="data"):
            reached = await until_behind(got, other)
            await (await ws.ping(b"there?"))
            await (await deaf.ping(b"there?"))
        await until_level(got, other, reached + 5)
    assert len(got) < got[-1] - got[0] + 1


async def test_one_stream_stalls_and_the_other_goes_on(faulty: Simulator) -> None:
    async with faulty.connect(f"{PATH}/{ETH}") as ws:
        await ids(ws, 1)
        async with fault(faulty, "stall", {"stream": ETH}, mode="one_stream"):
            seen: list[str] = []
            while seen[-40:] != ["BTCUSDT"] * 40:
                seen.append((await trades(ws, 1))[0]["s"])
            async with faulty.connect(f"/market/ws/{ETH}") as newcomer:
                await ids(newcomer, 1)


async def test_newcomers_can_be_stalled_too(faulty: Simulator) -> None:
    async with fault(faulty, "stall", {"stream": ETH}, mode="one_stream", newcomers=True), faulty.connect(f"{PATH}/{ETH}") as ws:
        assert {trade["s"] for trade in await trades(ws, 40)} == {"BTCUSDT"}


async def test_a_tcp_stall_is_silent_and_loses_nothing(faulty: Simulator) -> None:
    async with faulty.connect(PATH) as ws, faulty.connect(PATH) as other, tailed(ws) as got:
        async with fault(faulty, "stall", {"nth": 1}, mode="tcp"):
            pong = asyncio.ensure_future(await ws.ping(b"there?"))
            reached = await until_behind(got, other)
            assert not pong.done()
        await until_level(got, other, reached + 5)
        await pong
    assert got == list(range(got[0], got[0] + len(got)))


async def test_a_ping_storm_is_no_reason_to_close(faulty: Simulator) -> None:
    async with aiohttp.ClientSession() as session, session.ws_connect(f"{faulty.ws}/market/ws", autoping=False) as ws:
        async with fault(faulty, "ping_storm", every_ms=5):
            for _ in range(30):
                message = await ws.receive()
                assert message.type is aiohttp.WSMsgType.PING
                await ws.pong(message.data)
        await ws.ping(b"mine")
        while (message := await ws.receive()).type is aiohttp.WSMsgType.PING:
            pass
        assert message.data == b"mine"


async def test_no_pings(strict: Simulator) -> None:
    url = f"{strict.ws}/market/ws/{BTC}"
    async with fault(strict, "no_ping"), aiohttp.ClientSession() as session, session.ws_connect(url, autoping=False) as ws:
        kinds = {(await ws.receive()).type for _ in range(8)}  # at 40 a second a ping would have come
    assert kinds == {aiohttp.WSMsgType.TEXT}


async def test_a_swizzle_clogs_and_frees(faulty: Simulator) -> None:
    async with faulty.connect(PATH) as one, faulty.connect(PATH) as two, faulty.connect(f"/market/ws/{NONE}/{BTC}") as spared:
        match = {"path": PATH, "prob": 1.0}
        async with tailed(one) as first, tailed(two) as second:
            rows = await until_open(faulty, 3)
            assert [row["path"] for row in rows[:2]] == [PATH, PATH]
            async with fault(faulty, "swizzle", match, share=0.67, step_ms=60):
                for got in (first, second):
                    await until_level(got, spared, await until_behind(got, spared, 10))
            for got in (first, second):
                await until_level(got, spared, (await ids(spared, 1))[0])
                assert got == list(range(got[0], got[0] + len(got)))


@pytest.mark.parametrize("params", [{"mode": "gently"}, {"mode": "close:1006"}, {}, {"mode": "tcp", "newcomers": True}])
@pytest.mark.parametrize("kind", ["disconnect", "stall"])
async def test_bad_parameters_are_refused(faulty: Simulator, kind: str, params: dict[str, Any]) -> None:
    status, body = await ask(faulty, "POST", "/fault", {"kind": kind, "params": params})
    assert status == 400
    assert f"params of {kind}" in body["error"]


def until_reset(raw: socket.socket) -> bytes:
    """Everything up to the reset."""
    got = b""
    try:
        while part := raw.recv(4096):
            got += part
    except ConnectionResetError:
        return got
    raise AssertionError("it ended without a reset")


async def until_open(simulator: Simulator, n: int) -> list[Any]:
    """The connections, once there are `n`."""
    while len(rows := (await ask(simulator, "GET", "/connections"))[1]) != n:
        pass
    return list(rows)


async def test_answers_go_wrong(faulty: Simulator) -> None:
    request = json.dumps({"method": "SUBSCRIBE", "params": [NONE], "id": 5})
    expected: dict[str, list[Any]] = {
        "delay": [{"result": None, "id": 5}],
        "duplicate": [{"result": None, "id": 5}] * 2,
        "wrong_id": [{"result": None, "id": 999_999_999}],
        "error": [{"error": {"code": 2, "msg": "Invalid request: too many requests"}, "id": 5}],
        "lose": [],
    }
    for mode, answers in expected.items():
        async with faulty.connect("/market/ws") as ws, fault(faulty, "ack", {"nth": 1}, mode=mode, delay_ms=20):
            await ws.send(request)
            got = [json.loads(await ws.recv()) for _ in answers]
            assert got == answers
            await ws.send(json.dumps({"method": "SUBSCRIBE", "params": [NONE], "id": 6}))
            assert await answer(ws) == {"result": None, "id": 6}


async def test_an_answer_after_the_first_data(faulty: Simulator) -> None:
    async with faulty.connect("/market/ws") as ws, fault(faulty, "ack", mode="after_data"):
        await ws.send(json.dumps({"method": "SUBSCRIBE", "params": [BTC], "id": 5}))
        assert json.loads(await ws.recv())["e"] == "aggTrade"
        assert await answer(ws) == {"result": None, "id": 5}


async def test_fin_and_rst_differ(faulty: Simulator) -> None:
    with faulty.upgraded("/market/ws") as raw:
        await until_open(faulty, 1)
        await order(faulty, "disconnect", mode="fin")
        assert read_all(raw).endswith(b"\r\n\r\n")
