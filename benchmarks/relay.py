"""A simple relay for comparison, with `websockets` on both sides, `json`, a dict per trade, a deque per symbol, and one send per client.

python benchmarks/relay.py <port of the exchange> <host:port to serve on>
"""

import asyncio
import json
import sys
from collections import defaultdict, deque
from datetime import UTC, datetime
from typing import Any

from flood import SYMBOLS
from websockets.asyncio.client import connect
from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed

recent: dict[str, deque[dict[str, Any]]] = defaultdict(lambda: deque(maxlen=10_000))
clients: set[ServerConnection] = set()


async def welcome(client: ServerConnection) -> None:
    clients.add(client)
    try:
        await client.wait_closed()
    finally:
        clients.discard(client)


async def relay(text: str | bytes) -> None:
    data = json.loads(text).get("data")
    if data is None:
        return
    ts = datetime.fromtimestamp(data["T"] / 1000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    tick = {"symbol": data["s"], "price": float(data["p"]), "qty": float(data["q"]), "ts": ts}
    recent[tick["symbol"]].append(tick)
    said = json.dumps({"type": "trade", **tick}, separators=(",", ":"))
    for client in list(clients):
        try:
            await client.send(said)
        except ConnectionClosed:
            clients.discard(client)


async def main(exchange: int, listen: str) -> None:
    host, _, port = listen.rpartition(":")
    async with serve(welcome, host, int(port), compression=None), connect(f"ws://127.0.0.1:{exchange}/market/stream") as feed:
        await feed.send(json.dumps({"method": "SUBSCRIBE", "params": [f"{symbol.lower()}@aggTrade" for symbol in SYMBOLS], "id": 1}))
        async for text in feed:
            await relay(text)


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]), sys.argv[2]))
