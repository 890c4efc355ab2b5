"""Forced disconnects, as the clients see them, and the truth."""

from typing import Any

import aiohttp
import pytest

from .support import Simulator, read_all


async def post(simulator: Simulator, order: Any) -> tuple[int, Any]:
    async with aiohttp.ClientSession() as session, session.post(f"{simulator.ctl}/disconnect", json=order) as response:
        return response.status, await response.json()


@pytest.mark.parametrize(("mode", "code"), [("fin", 1006), ("rst", 1006), ("close:1001", 1001), ("close:4321", 4321)])
async def test_disconnect(demo: Simulator, mode: str, code: int) -> None:
    async with demo.connect("/market/ws/bnbusdt@aggTrade") as hit, demo.connect("/market/ws/ethusdt@aggTrade") as spared:
        assert await post(demo, {"mode": mode, "stream": "bnbusdt@aggTrade"}) == (200, {"disconnected": 1})
        await hit.wait_closed()
        assert hit.close_code == code
        await spared.recv()


async def test_rst_is_a_reset_and_fin_is_an_end(demo: Simulator) -> None:
    with demo.upgraded("/market/ws/btcusdt@aggTrade") as raw:
        assert raw.recv(4096)
        await post(demo, {"mode": "rst"})
        with pytest.raises(ConnectionResetError):
            read_all(raw)
    with demo.upgraded("/market/ws/btcusdt@aggTrade") as raw:
        assert raw.recv(4096)
        await post(demo, {"mode": "fin"})
        assert b"\x88" not in read_all(raw)[-4:]  # no close frame before the end


@pytest.mark.parametrize("order", [{}, {"mode": "gently"}, {"mode": "close:1006"}, {"mode": "close:99"}, {"mode": "fin", "of": 1}, 7])
async def test_bad_orders_are_refused(demo: Simulator, order: Any) -> None:
    status, body = await post(demo, order)
    assert status == 400
    assert body["error"]


async def test_the_truth(demo: Simulator) -> None:
    async with aiohttp.ClientSession() as session, session.get(f"{demo.ctl}/truth") as response:
        truth = await response.json()
    assert truth["seed"] == 1
    assert [(pair["y"], pair["x"], pair["beta"]) for pair in truth["pairs"]] == [("BTCUSDT", "ETHUSDT", 25.0), ("SOLUSDT", "AVAXUSDT", 9.0)]
