"""Follows streams of both categories with the UNICORN Binance WebSocket API, subscribes while they run, and mixes categories."""

import json
import sys
import time
from typing import Any
from urllib.request import Request, urlopen

from unicorn_binance_websocket_api import BinanceWebSocketApiManager

PATIENCE_S, POLL_S, TRADES = 30, 0.01, 30
CATEGORIES = {
    "market": (["aggTrade", "kline_1m", "markPrice@1s", "ticker", "miniTicker"], ["btcusdt", "ethusdt"]),
    "arrays": (["arr"], ["!miniTicker", "!ticker"]),
    "public": (["bookTicker", "depth@100ms", "depth5@100ms"], ["btcusdt"]),
}


def main(ws: str, control: str) -> None:
    with BinanceWebSocketApiManager(
        exchange="binance.com-futures",
        websocket_base_uri=f"{ws}/",
        warn_on_update=False,
        disable_colorama=True,
        enable_stream_signal_buffer=True,
        output_default="dict",
    ) as manager:
        for name, (channels, markets) in CATEGORIES.items():
            manager.create_stream(channels, markets, stream_label=name, stream_buffer_name=name)
        told: dict[str, Any] = {
            name: followed(manager, name, len(channels) * len(markets)) for name, (channels, markets) in CATEGORIES.items()
        }
        told |= {"later": subscribed(manager), "mixed": mixed(manager), "signals": signals(manager)}
        print(json.dumps(told | {"cut": cut(manager, control)}))


def followed(manager: Any, name: str, wanted: int) -> dict[str, Any]:
    """Events of each stream until all have come, and trades enough."""
    seen: dict[str, Any] = {}
    for frame in frames(manager, name):
        rows = frame["data"] if isinstance(frame["data"], list) else [frame["data"]]
        seen.setdefault(frame["stream"], []).extend({"e": row["e"], "a": row["a"] if row["e"] == "aggTrade" else None} for row in rows)
        if len(seen) == wanted and (name != "market" or len(seen["btcusdt@aggTrade"]) >= TRADES):
            break
    return seen


def subscribed(manager: Any) -> dict[str, Any]:
    """What comes after a SUBSCRIBE and an UNSUBSCRIBE on a running connection, and what the exchange lists."""
    stream = manager.create_stream(["aggTrade"], ["btcusdt"], stream_label="later", stream_buffer_name="later")
    next(frames(manager, "later"))
    manager.subscribe_to_stream(stream, markets=["ethusdt"])
    next(frame for frame in frames(manager, "later") if frame["stream"] == "ethusdt@aggTrade")
    listed = answer(manager, manager.get_stream_subscriptions(stream))
    manager.unsubscribe_from_stream(stream, markets=["btcusdt"])
    names = [next(frames(manager, "later"))["stream"] for _ in range(2 * TRADES)]
    manager.stop_stream(stream)
    return {"listed": listed, "last": sorted(set(names[-TRADES // 3 :]))}


def cut(manager: Any, control: str) -> dict[str, Any]:
    """Signals and ids of a stream whose connection is reset, until trades come again."""
    manager.create_stream(["aggTrade"], ["btcusdt"], stream_label="cut", stream_buffer_name="cut")
    seen, ids = list[str](), list[int]()
    order = json.dumps({"kind": "disconnect", "match": {"stream": "btcusdt@aggTrade"}, "params": {"mode": "rst"}}).encode()
    for frame in frames(manager, "cut"):
        if not ids:
            urlopen(Request(f"{control}/fault", order, {"Content-Type": "application/json"})).read()
        ids.append(frame["data"]["a"])
        seen += signals(manager, "cut")
        if "DISCONNECT" in seen and len(ids) > TRADES:
            break
    return {"signals": seen, "ids": ids}


def answer(manager: Any, request_id: int) -> Any:
    """The result of a request. The library's own wait for it spins, which keeps its own threads from receiving it."""
    end = time.monotonic() + PATIENCE_S
    while time.monotonic() < end:
        for result in map(json.loads, list(manager.get_results_from_endpoints())):
            if result["id"] == request_id:
                return result["result"]
        time.sleep(POLL_S)
    return None


def mixed(manager: Any) -> str:
    try:
        manager.create_stream(["aggTrade", "bookTicker"], ["btcusdt"])
    except ValueError as error:
        return str(error)
    return ""


def signals(manager: Any, label: str | None = None) -> list[str]:
    """What the library has told since the last call, of one stream or of all."""
    kinds = []
    while signal := manager.pop_stream_signal_from_stream_signal_buffer():
        if label in (None, manager.get_stream_label(signal["stream_id"])):
            kinds.append(signal["type"])
    return kinds


def frames(manager: Any, buffer: str) -> Any:
    """Data frames as they come; its buffers cannot be waited for."""
    end = time.monotonic() + PATIENCE_S
    while time.monotonic() < end:
        frame = manager.pop_stream_data_from_stream_buffer(buffer)
        if frame and "stream" in frame:
            yield frame
        elif not frame:
            time.sleep(POLL_S)


main(*sys.argv[1:])
