"""False values and garbage, as a client sees them."""

import json
from typing import Any

import pytest
import websockets

from tests.simulator.support import Simulator

from .support import BTC, fault, ids, trades, until_clean

PATH = f"/market/ws/{BTC}"
STREAM = f"/market/stream?streams={BTC}"


@pytest.mark.parametrize(
    ("params", "shown"),
    [
        ({"field": "p", "value": "NaN"}, "NaN"),
        ({"field": "p", "value": "-1"}, "-1"),
        ({"field": "p", "value": "1e999"}, "1e999"),
        ({"field": "p", "value": ""}, ""),
        ({"field": "p", "value": None}, None),
        ({"field": "T", "value": 0}, 0),
        ({"field": "a", "how": "string"}, str),
        ({"field": "a", "how": "float"}, float),
        ({"field": "a", "how": "beyond"}, 2**63),
        ({"field": "nq", "how": "absent"}, "absent"),
        ({"field": "s", "how": "other_symbol"}, "XRPUSDT"),
        ({"field": "nope", "how": "seconds"}, None),
    ],
)
async def test_a_field_is_corrupted_and_the_others_are_not(faulty: Simulator, params: dict[str, Any], shown: Any) -> None:
    async with fault(faulty, "corrupt", {"stream": BTC}, **params), faulty.connect(PATH) as ws:
        [trade] = await trades(ws, 1)
    false = trade.pop(params["field"], "absent")
    assert false == shown or (isinstance(shown, type) and isinstance(false, shown))
    row = faulty.rows("BTCUSDT")[int(trade.get("a", 0))] if params["field"] != "a" else None
    assert row is None or params["field"] == "T" or trade["T"] == row[6]


async def test_a_field_is_corrupted_in_every_row_of_a_stream_of_all_symbols(faulty: Simulator) -> None:
    async with fault(faulty, "corrupt", field="p", value="NaN"), faulty.connect("/market/ws/!markPrice@arr@1s") as ws:
        rows = json.loads(await ws.recv())
    assert [(row["s"], row["p"]) for row in rows] == [("BTCUSDT", "NaN"), ("ETHUSDT", "NaN")]


@pytest.mark.parametrize(("how", "factor"), [("seconds", 0.001), ("future", 1 + 365 * 86_400_000 / 1.8e12)])
async def test_times_in_seconds_and_in_the_future(faulty: Simulator, how: str, factor: float) -> None:
    async with fault(faulty, "corrupt", field="T", how=how), faulty.connect(STREAM) as ws:
        trade = json.loads(await ws.recv())["data"]
    assert trade["T"] / trade["E"] == pytest.approx(factor, rel=0.01)


async def received(ws: websockets.ClientConnection) -> str | bytes:
    """The next message that is no trade, or the last of those that became one too many."""
    while True:
        message = await ws.recv()
        if isinstance(message, bytes):
            return message
        try:
            data = json.loads(message)
        except ValueError:
            return message
        if not isinstance(data, dict) or message.count('"a":') != 1:
            return message


@pytest.mark.parametrize("what", ["text", "truncated", "list", "object", "huge", "nested", "duplicate_keys", "binary"])
async def test_garbage_comes_once_and_data_go_on(faulty: Simulator, what: str) -> None:
    async with faulty.connect(PATH) as ws, fault(faulty, "garbage", {"stream": BTC}, what=what):
        message = await received(ws)
        await until_clean(ws)
    assert isinstance(message, bytes) == (what == "binary")
    told: dict[str, bool] = {
        "text": message[:8] == "upstream",
        "truncated": message[:7] == '{"e":"a' and message[-1:] != "}",
        "list": message == "[]",
        "object": message == "{}",
        "huge": len(message) == 1024 * 1024,
        "nested": message == "[" * 200 + "]" * 200,
        "duplicate_keys": len(json.loads(message, object_pairs_hook=list)) == 24 if what == "duplicate_keys" else False,
        "binary": message[:1] == b"{",
    }
    assert told[what]


@pytest.mark.parametrize(("what", "code"), [("utf8", 1007), ("rsv", 1002), ("oversized_control", 1002), ("masked", 1002)])
async def test_what_breaks_the_protocol_is_closed_by_a_strict_client(faulty: Simulator, what: str, code: int) -> None:
    async with faulty.connect(PATH) as ws, fault(faulty, "garbage", what=what):
        with pytest.raises(websockets.ConnectionClosed) as closed:
            await ids(ws, 10_000)
    assert closed.value.sent is not None
    assert closed.value.sent.code == code


async def test_fragments_with_a_ping_between_them_are_whole_data(faulty: Simulator) -> None:
    async with fault(faulty, "garbage", what="fragmented", n=None), faulty.connect(PATH) as ws:
        fragments = [[part async for part in ws.recv_streaming()] for _ in range(20)]
    assert {len(parts) for parts in fragments} == {3}
    got = [json.loads("".join(map(str, parts)))["a"] for parts in fragments]
    assert got == list(range(got[0], got[0] + 20))


async def test_random_garbage_is_garbage(faulty: Simulator) -> None:
    async with faulty.connect(PATH) as ws, fault(faulty, "garbage", n=None):
        with pytest.raises((websockets.ConnectionClosed, ValueError, TypeError, KeyError)):
            await ids(ws, 10_000)
