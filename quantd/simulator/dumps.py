"""The daily files of the past, as data.binance.vision serves them: made on request, and the same each time."""

import asyncio
import hashlib
import io
import zipfile
from collections.abc import Iterator
from datetime import UTC, date, datetime, time
from functools import lru_cache

from aiohttp import web

from quantd.simulator.exchange import Exchange
from quantd.simulator.listing import Listing
from quantd.simulator.market import DAY_MS

HEADER = "agg_trade_id,price,quantity,first_trade_id,last_trade_id,transact_time,is_buyer_maker\n"
KEPT = 4
PATH = r"/data/futures/um/daily/aggTrades/{folder}/{symbol:[^-/]+}-aggTrades-{day:\d{4}-\d\d-\d\d}.zip"


class Dumps:
    """A zip and its CHECKSUM for each symbol and each past day."""

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange
        self._pack = lru_cache(maxsize=KEPT)(self._packed)

    def add_to(self, app: web.Application) -> None:
        app.router.add_get(PATH, self._archive)
        app.router.add_get(PATH + ".CHECKSUM", self._checksum)

    async def _archive(self, request: web.Request) -> web.Response:
        return web.Response(body=await self._asked(request), content_type="application/zip")

    async def _checksum(self, request: web.Request) -> web.Response:
        digest = hashlib.sha256(await self._asked(request)).hexdigest()
        name = request.path.rpartition("/")[2].removesuffix(".CHECKSUM")
        return web.Response(text=f"{digest}  {name}\n")

    async def _asked(self, request: web.Request) -> bytes:
        symbol, day = request.match_info["symbol"], _midnight(request.match_info["day"])
        if symbol != request.match_info["folder"] or symbol not in self._exchange.listings:
            raise web.HTTPNotFound
        if day is None or day + DAY_MS > self._exchange.clock.now_ms():
            raise web.HTTPNotFound
        return await asyncio.to_thread(self._pack, symbol, day)

    def _packed(self, symbol: str, day: int) -> bytes:
        packed = io.BytesIO()
        name = f"{symbol}-aggTrades-{datetime.fromtimestamp(day / 1000, UTC):%Y-%m-%d}.csv"
        member = zipfile.ZipInfo(name, date_time=(2020, 1, 1, 0, 0, 0))
        member.compress_type = zipfile.ZIP_DEFLATED
        with zipfile.ZipFile(packed, "w") as archive:
            archive.writestr(member, HEADER + "".join(_rows(self._exchange.listings[symbol], day)))
        return packed.getvalue()


def _rows(listing: Listing, day: int) -> Iterator[str]:
    price, quantity = listing.wire.price.text, listing.wire.quantity.text
    for trade in listing.of_day(day):
        maker = "true" if trade.m else "false"
        yield f"{trade.a},{price(trade.p)},{quantity(trade.q)},{trade.f},{trade.l},{trade.T},{maker}\n"


def _midnight(day: str) -> int | None:
    try:
        return int(datetime.combine(date.fromisoformat(day), time(), UTC).timestamp() * 1000)
    except ValueError:
        return None
