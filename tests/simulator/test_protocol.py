"""The subscribe protocol, message by message, over a real socket."""

import json
from typing import Any

import pytest

from quantd.simulator import streams

from .support import Simulator, answer, call

INVALID_JSON = {"id": None, "error": {"code": 3, "msg": "Invalid json"}}
BAD_STREAM = "Invalid request: invalid stream"
METHODS = "SUBSCRIBE, UNSUBSCRIBE, LIST_SUBSCRIPTIONS, SET_PROPERTY, GET_PROPERTY"


def ok(request_id: object, result: object = None) -> dict[str, object]:
    return {"result": result, "id": request_id}


def error(code: int, text: str, request_id: object = 1) -> dict[str, object]:
    return {"error": {"code": code, "msg": text}, "id": request_id}


TABLE: list[tuple[str, dict[str, Any]]] = [
    ('{"method":"SUBSCRIBE","params":["solusdt@markPrice@1s"],"id":1}', ok(1)),
    ('{"method":"SUBSCRIBE","params":[],"id":0}', ok(0)),
    ('{"method":"SUBSCRIBE","params":["nosuchusdt@aggTrade"],"id":"a-uuid"}', ok("a-uuid")),
    ('{"method":"SUBSCRIBE","params":["btcusdt@depth5@100ms"],"id":12345678901234567890}', ok(12345678901234567890)),
    ('{"method":"SUBSCRIBE","params":["BTCUSDT@aggTrade"],"id":1}', error(2, BAD_STREAM)),
    ('{"method":"SUBSCRIBE","params":["btcusdt@tape"],"id":1}', error(2, BAD_STREAM)),
    ('{"method":"SUBSCRIBE","params":["btcusdt@markPrice",7],"id":1}', error(2, BAD_STREAM)),
    ('{"method":"SUBSCRIBE","id":1}', error(2, "Invalid request: missing field params at line 1 column 29")),
    ('{"method":"UNSUBSCRIBE","params":["btcusdt@ticker"],"id":9}', ok(9)),
    ('{"method":"UNSUBSCRIBE","params":["btcusdt"],"id":1}', error(2, BAD_STREAM)),
    ('{"method":"LIST_SUBSCRIPTIONS","id":3}', ok(3, [])),
    ('{"method":"LIST_SUBSCRIPTIONS","params":["x"],"id":1}', error(2, "Invalid request: too many parameters")),
    ('{"method":"GET_PROPERTY","params":["combined"],"id":2}', ok(2, False)),
    ('{"method":"GET_PROPERTY","params":["combined",1],"id":1}', error(2, "Invalid request: too many parameters")),
    ('{"method":"GET_PROPERTY","params":[1],"id":1}', error(2, "Invalid request: property name must be a string")),
    ('{"method":"GET_PROPERTY","params":["speed"],"id":1}', error(0, "Unknown property")),
    ('{"method":"SET_PROPERTY","params":["combined",true],"id":5}', ok(5)),
    ('{"method":"SET_PROPERTY","params":["speed",true],"id":1}', error(0, "Unknown property")),
    ('{"method":"SET_PROPERTY","params":["combined",1],"id":1}', error(1, "Invalid value type: expected Boolean")),
    ('{"method":"SET_PROPERTY","params":["combined"],"id":1}', error(1, "Invalid value type: expected Boolean")),
    ('{"method":"SET_PROPERTY","params":["combined",true,1],"id":1}', error(2, "Invalid request: too many parameters")),
    ('{"method":"LOGIN","id":1}', error(2, f"Invalid request: unknown variant LOGIN, expected one of {METHODS} at line 1 column 25")),
    ('{"method":["x"],"id":1}', error(2, f"Invalid request: unknown variant ['x'], expected one of {METHODS} at line 1 column 23")),
    ('{"params":[],"id":1}', error(2, "Invalid request: missing field method at line 1 column 20")),
    ('{"method":"LIST_SUBSCRIPTIONS"}', error(2, "Invalid request: request ID must be an unsigned integer", None)),
    ('{"method":"LIST_SUBSCRIPTIONS","id":-1}', error(2, "Invalid request: request ID must be an unsigned integer", None)),
    ('{"method":"LIST_SUBSCRIPTIONS","id":true}', error(2, "Invalid request: request ID must be an unsigned integer", None)),
    ('{"method":"LIST_SUBSCRIPTIONS","id":1.5}', error(2, "Invalid request: request ID must be an unsigned integer", None)),
    ("{", INVALID_JSON),
    ("[]", INVALID_JSON),
    ("", INVALID_JSON),
    ("[" * 100_000, INVALID_JSON),
]


@pytest.mark.parametrize(("request_text", "expected"), TABLE, ids=[text[:60] for text, _ in TABLE])
async def test_each_message_has_its_answer(demo: Simulator, request_text: str, expected: dict[str, Any]) -> None:
    async with demo.connect("/market/ws") as ws:
        await ws.send(request_text)
        assert json.loads(await ws.recv()) == expected


async def test_the_answer_keeps_the_order_of_keys(demo: Simulator) -> None:
    async with demo.connect("/market/ws") as ws:
        await ws.send('{"id":1,"method":"SUBSCRIBE","params":["nosuchusdt@aggTrade"]}')
        assert await ws.recv() == '{"result":null,"id":1}'
        await ws.send("nonsense")
        assert await ws.recv() == '{"id":null,"error":{"code":3,"msg":"Invalid json"}}'


async def test_subscriptions_are_listed_in_order_and_once(demo: Simulator) -> None:
    async with demo.connect("/market/stream?streams=adausdt@ticker/bnbusdt@markPrice") as ws:
        await call(ws, "SUBSCRIBE", ["xusdt@aggTrade", "adausdt@ticker"])
        await call(ws, "UNSUBSCRIBE", ["bnbusdt@markPrice"])
        assert (await call(ws, "LIST_SUBSCRIPTIONS"))["result"] == ["adausdt@ticker", "xusdt@aggTrade"]


async def test_a_refused_list_changes_nothing(demo: Simulator) -> None:
    async with demo.connect("/market/ws") as ws:
        await call(ws, "SUBSCRIBE", ["xusdt@aggTrade", "nonsense"])
        assert (await call(ws, "LIST_SUBSCRIPTIONS"))["result"] == []


async def test_streams_over_the_limit_are_left_out(strict: Simulator) -> None:
    async with strict.connect("/public/ws") as ws:
        refused = await call(ws, "SUBSCRIBE", [f"s{i}usdt@bookTicker" for i in range(5)])
        assert refused["error"]["code"] == 2
        assert (await call(ws, "LIST_SUBSCRIPTIONS"))["result"] == [f"s{i}usdt@bookTicker" for i in range(3)]


async def test_binary_requests_are_read_as_text(demo: Simulator) -> None:
    async with demo.connect("/market/ws") as ws:
        await ws.send(b'{"method":"LIST_SUBSCRIPTIONS","id":4}')
        assert await answer(ws) == ok(4, [])


@pytest.mark.parametrize(
    ("name", "route"),
    [
        ("btcusdt@aggTrade", "market"),
        ("btcusdt@kline_3d", "market"),
        ("btcusdt@kline_1s", None),
        ("btcusdt_perpetual@continuousKline_1s", "market"),
        ("!markPrice@arr@1s", "market"),
        ("!contractInfo", "market"),
        ("tradingSession", "market"),
        ("币安人生usdt@aggTrade", "market"),
        ("!bookTicker", "public"),
        ("btcusdt@depth@500ms", "public"),
        ("btcusdt@depth50@100ms", "public"),
        ("btcusdt@rpiDepth@500ms", "public"),
        ("btcusdt@depth7", None),
        ("btcusdt@aggtrade", None),
        ("!ticker", None),
        ("@aggTrade", None),
        ("", None),
    ],
)
def test_the_route_of_a_stream(name: str, route: str | None) -> None:
    assert streams.category(name) == route
