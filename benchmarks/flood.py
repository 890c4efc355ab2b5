"""An exchange that floods its clients: it confirms every subscription and sends trades with current times and contiguous ids. It has no
past.

    python benchmarks/flood.py <port> <trades a second, 0 for as many as are read> <seconds>

With 0 the reader sets the rate: no trades are generated while MOST_UNSENT bytes wait.
"""

import asyncio
import sys
import time
from itertools import count

from aiohttp import web

SYMBOLS = ("BTCUSDT", "ETHUSDT", "SOLUSDT", "AVAXUSDT", "BNBUSDT", "ADAUSDT")
TURN_S = 0.002
MOST_A_TURN = 400
MOST_UNSENT = 1 << 16
FRAME = b'{"stream":"%s@aggTrade","data":{"e":"aggTrade","E":%d,"a":%d,"s":"%s","p":"%d.%02d","q":"0.250","f":%d,"l":%d,"T":%d,"m":%s}}'


class Flood:
    """Sends the trades of all symbols in turn, at a fixed rate, until the time is over."""

    def __init__(self, rate: int, seconds: float) -> None:
        self._rate = rate
        self._seconds = seconds
        self._numbers = count(6_000_000)

    async def websocket(self, request: web.Request) -> web.WebSocketResponse:
        """Serve a WebSocket. Trades begin with the first subscription."""
        socket = web.WebSocketResponse(compress=False)
        await socket.prepare(request)
        assert request.transport is not None
        flowing = None
        async for message in socket:
            asked = message.json()
            await socket.send_json({"result": None, "id": asked["id"]})
            flowing = flowing or asyncio.create_task(self._flow(request.transport))
        return socket

    async def _flow(self, transport: asyncio.Transport) -> None:
        began, sent = time.monotonic(), 0
        while (passed := time.monotonic() - began) < self._seconds and not transport.is_closing():
            if transport.get_write_buffer_size() < MOST_UNSENT:
                due = min(MOST_A_TURN, int(passed * self._rate) - sent) if self._rate else MOST_A_TURN
                transport.write(self._frames(due))
                sent += due
            await asyncio.sleep(TURN_S if self._rate else 0)

    def _frames(self, number: int) -> bytes:
        """Return unmasked text frames of 126 to 65,535 bytes (RFC 6455, section 5.2)."""
        now = time.time_ns() // 1_000_000
        payloads = [_payload(next(self._numbers), now) for _ in range(number)]
        return b"".join([part for payload in payloads for part in (b"\x81\x7e", len(payload).to_bytes(2, "big"), payload)])


def _payload(number: int, now: int) -> bytes:
    trade, which = divmod(number, len(SYMBOLS))
    name = SYMBOLS[which].encode()
    price = 10_000 * (which + 1) + trade * trade % 97
    return FRAME % (name.lower(), now, trade, name, price // 100, price % 100, trade, trade, now, b"true" if trade % 3 else b"false")


async def now(request: web.Request) -> web.Response:
    return web.json_response({"serverTime": time.time_ns() // 1_000_000})


async def symbols(request: web.Request) -> web.Response:
    return web.json_response({"symbols": [{"symbol": name, "status": "TRADING"} for name in SYMBOLS]})


async def nothing(request: web.Request) -> web.Response:
    return web.json_response([])


def main() -> None:
    port, rate, seconds = int(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3])
    app = web.Application()
    app.add_routes(
        [
            web.get("/market/stream", Flood(rate, seconds).websocket),
            web.get("/fapi/v1/time", now),
            web.get("/fapi/v1/exchangeInfo", symbols),
            web.get("/fapi/v1/klines", nothing),
            web.get("/fapi/v1/aggTrades", nothing),
        ]
    )
    web.run_app(app, host="127.0.0.1", port=port, print=None, access_log=None, shutdown_timeout=0.5)


if __name__ == "__main__":
    main()
