"""Other consumers of the exchange of fast_exchange.py, each with what it needs to be timed; consumers.py starts them.

`plain` is `websockets`, `json` and a dict a trade; the takers that it is made of run behind other clients, too (clients.py). `cryptofeed`
is that package's own connection and handler. `nobody` only counts trades in the bytes that the socket gives: what the exchange could send.
"""

import asyncio
import json
import resource
import time
from collections import defaultdict
from collections.abc import Callable, Coroutine
from typing import Any

from fast_exchange import COINS, SYMBOLS

Figures = dict[str, Any]


async def counted(count: Callable[[], int], warm_s: float, seconds: float) -> Figures:
    """Return by how much a count grows in some seconds, and the cost."""
    await asyncio.sleep(warm_s)
    ticks, began, cpu = count(), time.monotonic(), time.process_time()
    await asyncio.sleep(seconds)
    ticks, passed, busy = count() - ticks, time.monotonic() - began, time.process_time() - cpu
    return {"ticks": ticks, "seconds": passed, "cpu": busy, "peak": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024}


Counts = defaultdict[str, int]
Taker = tuple[Callable[[bytes | str], None], Counts]
"""Takes one text at a time, and counts the trades (`ticks`) and the ids that do not follow (`missing`)."""


def json_taker() -> Taker:
    """Decode with `json`, make a dict of each trade, check its id and keep a 1-s bar."""
    ids: dict[str, int] = {}
    bars: dict[str, dict[str, Any]] = {}
    counts: Counts = defaultdict(int)

    def take(text: bytes | str) -> None:
        data = json.loads(text).get("data")
        if data is None:
            return
        tick = {"symbol": data["s"], "id": data["a"], "ts": data["T"], "price": float(data["p"]), "qty": float(data["q"])}
        symbol, price = tick["symbol"], tick["price"]
        if tick["id"] != ids.get(symbol, tick["id"] - 1) + 1:
            counts["missing"] += 1
        ids[symbol] = tick["id"]
        second, bar = tick["ts"] // 1000, bars.get(symbol)
        if bar is None or bar["second"] != second:
            bars[symbol] = {"second": second, "open": price, "high": price, "low": price, "close": price, "volume": tick["qty"]}
        else:
            bar["high"], bar["low"], bar["close"] = max(bar["high"], price), min(bar["low"], price), price
            bar["volume"] += tick["qty"]
        counts["ticks"] += 1

    return take, counts


def msgspec_taker() -> Taker:
    """Decode with msgspec to a struct, check the id of each trade and keep a 1-s bar, which is a struct, too."""
    import msgspec

    class Trade(msgspec.Struct, gc=False):
        s: str
        a: int
        p: float
        q: float
        T: int
        m: bool

    class Message(msgspec.Struct, gc=False):
        data: Trade | None = None

    class Bar(msgspec.Struct, gc=False):
        second: int
        open: float
        high: float
        low: float
        close: float
        volume: float

    decode = msgspec.json.Decoder(Message, strict=False).decode
    ids: dict[str, int] = {}
    bars: dict[str, Bar] = {}
    counts: Counts = defaultdict(int)

    def take(text: bytes | str) -> None:
        trade = decode(text).data
        if trade is None:
            return
        symbol, price = trade.s, trade.p
        if trade.a != ids.get(symbol, trade.a - 1) + 1:
            counts["missing"] += 1
        ids[symbol] = trade.a
        second, bar = trade.T // 1000, bars.get(symbol)
        if bar is None or bar.second != second:
            bars[symbol] = Bar(second, price, price, price, price, trade.q)
        else:
            if price > bar.high:
                bar.high = price
            elif price < bar.low:
                bar.low = price
            bar.close = price
            bar.volume += trade.q
        counts["ticks"] += 1

    return take, counts


def plain(port: int, warm_s: float, seconds: float) -> Figures:
    """Run `websockets` and `json_taker`. It has no pairs, no history and no store."""
    from websockets.asyncio.client import connect

    take, counts = json_taker()

    async def read() -> None:
        async with connect(f"ws://127.0.0.1:{port}/market/stream", compression=None) as feed:
            await feed.send(json.dumps({"method": "SUBSCRIBE", "params": [f"{name.lower()}@aggTrade" for name in SYMBOLS], "id": 1}))
            async for text in feed:
                take(text)

    async def main() -> Figures:
        reader = asyncio.create_task(read())
        figures = await counted(lambda: counts["ticks"], warm_s, seconds)
        reader.cancel()
        return figures | {"missing": counts["missing"]}

    return run(main())


def cryptofeed(port: int, warm_s: float, seconds: float) -> Figures:
    """Run cryptofeed's own connection and handler of Binance futures, with a callback that counts. Only the address is replaced: cryptofeed
    supports only wss. Raises ImportError if it is not installed."""
    from cryptofeed.connection_handler import ConnectionHandler
    from cryptofeed.defines import BINANCE_FUTURES, PERPETUAL, TRADES
    from cryptofeed.exchanges import BinanceFutures
    from cryptofeed.symbols import Symbol, Symbols

    names = [Symbol(coin, "USDT", type=PERPETUAL).normalized for coin in COINS]
    Symbols.set(BINANCE_FUTURES, dict(zip(names, SYMBOLS, strict=True)), {"instrument_type": dict.fromkeys(names, PERPETUAL)})
    ticks = 0

    async def count(trade: Any, receipt: float) -> None:
        nonlocal ticks
        ticks += 1

    async def main() -> Figures:
        feed = BinanceFutures(symbols=names, channels=[TRADES], callbacks={TRADES: count})
        for connection, subscribe, handler, authenticate in feed.connect():
            connection.address = connection.address.replace("wss://fstream.binance.com", f"ws://127.0.0.1:{port}")
            ConnectionHandler(connection, subscribe, handler, authenticate, 0).start(asyncio.get_running_loop())
        return await counted(lambda: ticks, warm_s, seconds)

    return run(main())


def nobody(port: int, warm_s: float, seconds: float) -> Figures:
    """Count the trades in the bytes that the socket gives."""

    async def main() -> Figures:
        reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=1 << 20)
        writer.write(b"GET /market/stream?streams=all HTTP/1.1\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n")
        ticks = 0

        async def read() -> None:
            nonlocal ticks
            while data := await reader.read(1 << 20):
                ticks += data.count(b"@aggTrade")

        task = asyncio.create_task(read())
        figures = await counted(lambda: ticks, warm_s, seconds)
        task.cancel()
        return figures

    return run(main())


def run(main: Coroutine[None, None, Figures]) -> Figures:
    """Run a coroutine on the same kind of event loop as the daemon."""
    try:
        from uvloop import new_event_loop
    except ImportError:
        return asyncio.run(main)
    with asyncio.Runner(loop_factory=new_event_loop) as runner:
        return runner.run(main)
