"""Files of past days: zip archives of aggregate trades, each with a checksum file (github.com/binance/binance-public-data).

Some published files contain rows twice, or two halves interleaved, or lack the end of the day: rows are therefore taken in any order,
by id.
"""

import asyncio
import hashlib
import tempfile
from collections.abc import AsyncIterator, Iterator
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

import quantd
from quantd.net import cause, http_session, shown
from quantd_plugins.feeds.readers.dumps import dump_parser
from quantd_plugins.feeds.readers.row import BAD_LINE, Parse
from quantd_plugins.feeds.readers.source import Source

if TYPE_CHECKING:
    from aiohttp import ClientSession

FOLDER = "/data/futures/um/daily/aggTrades"
PAGE = 2_000
LARGEST = 4 << 30
"""Largest packed size in bytes: the largest published files have a few hundred megabytes."""
CHUNK = 1 << 20
SILENT_S = 60.0


async def ticks(base: str, clock: quantd.Clock, symbol: str, day: int, first: int, last: int) -> AsyncIterator[list[quantd.Tick]]:
    """Yield the trades of first <= id <= last from the file of the UTC day from `day` (ms) on, PAGE at a time. Raises QuantdError."""
    import aiohttp

    name = f"{symbol}-aggTrades-{quantd.format_time(day, '%Y-%m-%d')}.zip"
    url = f"{base.rstrip('/')}{FOLDER}/{symbol}/{name}"
    timeout = aiohttp.ClientTimeout(total=None, sock_connect=SILENT_S, sock_read=SILENT_S)
    with tempfile.TemporaryDirectory(prefix="quantd-") as folder:
        path = Path(folder) / name
        try:
            async with http_session(base, timeout=timeout) as session:
                await _download(session, url, path)
        except TimeoutError:
            raise quantd.QuantdError(f"binance-futures: {shown(url)}: nothing came for {SILENT_S:.0f} s") from None
        except (aiohttp.ClientError, OSError) as error:
            raise quantd.QuantdError(f"binance-futures: {shown(url)}: cannot fetch it: {cause(error)}") from error
        source = Source(str(path))
        try:
            wanted = _wanted(source, dump_parser(name), first, last, clock.now())
            while page := await asyncio.to_thread(lambda: list(islice(wanted, PAGE))):
                yield page
        finally:
            source.close()
        if source.damage:
            raise quantd.QuantdError(f"binance-futures: {shown(url)}: damaged though its checksum is right: {source.damage}")


async def _download(session: "ClientSession", url: str, path: Path) -> None:
    """Download the file, and verify its checksum."""
    told = (await _small(session, f"{url}.CHECKSUM")).split()
    digest, size = hashlib.sha256(), 0
    async with session.get(url, allow_redirects=False) as response:
        _check(url, response.status)
        with path.open("wb") as file:
            async for chunk in response.content.iter_chunked(CHUNK):
                size += len(chunk)
                if size > LARGEST:
                    raise quantd.QuantdError(f"binance-futures: {shown(url)}: larger than {LARGEST >> 30} GiB: it cannot be a day's trades")
                digest.update(chunk)
                await asyncio.to_thread(file.write, chunk)
    if not told or told[0].lower() != digest.hexdigest():
        raise quantd.QuantdError(f"binance-futures: {shown(url)}: its checksum is not the published one: it is damaged or being replaced")


async def _small(session: "ClientSession", url: str) -> str:
    async with session.get(url, allow_redirects=False) as response:
        _check(url, response.status)
        return (await response.content.read(1024)).decode(errors="replace")


def _check(url: str, status: int) -> None:
    if status == 404:
        raise quantd.QuantdError(f"binance-futures: {shown(url)}: not published (yet)")
    if status != 200:
        raise quantd.QuantdError(f"binance-futures: {shown(url)}: HTTP {status}")


def _wanted(source: Source, parse: Parse, first: int, last: int, recv: int) -> Iterator[quantd.Tick]:
    """Yield the trades of those ids, with the current time as receive time; invalid rows are left out."""
    lowest, highest = str(first).encode(), str(last).encode()
    for line in source.lines():
        number = line.partition(b",")[0]
        if (len(number), number) < (len(lowest), lowest) or (len(number), number) > (len(highest), highest):
            continue  # skips most of the file by comparing digits only
        try:
            row = parse(line)
        except BAD_LINE:
            continue
        if row and isinstance(tick := row[2], quantd.Tick) and first <= tick.id <= last:
            yield quantd.Tick(tick.symbol, tick.id, tick.ts, recv, tick.price, tick.qty, tick.buyer_maker)
