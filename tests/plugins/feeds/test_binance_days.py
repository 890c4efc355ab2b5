"""Files of past days, with the defects that such files have had, against a local server."""

import hashlib
import io
import zipfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from aiohttp import web

import quantd
from quantd.clock import EventClock
from quantd_plugins.feeds.binance import days

DAY = 1_767_225_600_000
NAME = "BTCUSDT-aggTrades-2026-01-01.zip"
HEADER = "agg_trade_id,price,quantity,first_trade_id,last_trade_id,transact_time,is_buyer_maker"


def row(number: int) -> str:
    return f"{number},{90_000 + number}.5,0.010,{number * 3},{number * 3 + 1},{DAY + number},{'true' if number % 2 else 'false'}"


def packed(*lines: str) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(NAME.replace(".zip", ".csv"), "\n".join(lines) + "\n")
    return file.getvalue()


@asynccontextmanager
async def published(files: dict[str, bytes]) -> AsyncIterator[str]:
    """A server of these files by name; its address."""

    async def serve(request: web.Request) -> web.Response:
        body = files.get(request.path.rpartition("/")[2])
        return web.Response(body=body) if body is not None else web.Response(status=404)

    app = web.Application()
    app.router.add_get(f"{days.FOLDER}/BTCUSDT/{{name}}", serve)
    runner = web.AppRunner(app)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


async def fetched(files: dict[str, bytes], first: int, last: int) -> list[quantd.Tick]:
    async with published(files) as base:
        pages = [page async for page in days.ticks(base, EventClock(DAY * 2), "BTCUSDT", DAY, first, last)]
    return [tick for page in pages for tick in page]


def with_checksum(body: bytes, checksum: str | None = None) -> dict[str, bytes]:
    digest = checksum or hashlib.sha256(body).hexdigest()
    return {NAME: body, f"{NAME}.CHECKSUM": f"{digest}  {NAME}\n".encode()}


async def test_the_ids_asked_for_are_read() -> None:
    found = await fetched(with_checksum(packed(HEADER, *map(row, range(1, 12_000)))), 7, 9_999)
    assert [tick.id for tick in found] == list(range(7, 10_000))
    assert found[0] == quantd.Tick("BTCUSDT", 7, DAY + 7, DAY * 2, 90_007.5, 0.01, True)


@pytest.mark.parametrize(
    "lines",
    [
        pytest.param([*map(row, range(1, 9))], id="without a header"),
        pytest.param([HEADER, *(row(number) for pair in zip(range(1, 5), range(5, 9), strict=True) for number in pair)], id="interleaved"),
        pytest.param([HEADER, *(row(number) for number in range(1, 9) for _ in range(2))], id="each row twice"),
        pytest.param([HEADER, *map(row, range(1, 9)), "", "9,nan,0.1,1,1,1,true", "what is this", "12"], id="rows that are none"),
    ],
)
async def test_known_defects_lose_no_trade(lines: list[str]) -> None:
    found = await fetched(with_checksum(packed(*lines)), 2, 9)
    assert sorted({tick.id for tick in found}) == list(range(2, 9))


BODY = packed(HEADER, row(1))


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({}, "not published"),
        ({f"{NAME}.CHECKSUM": b"00"}, "not published"),
        (with_checksum(BODY, "0" * 64), "its checksum is not the published one"),
        (with_checksum(BODY[:-30]), "cannot unpack"),
        ({NAME: BODY, f"{NAME}.CHECKSUM": b"<html>"}, "its checksum is not the published one"),
    ],
)
async def test_what_is_wrong_with_a_file_is_said(files: dict[str, bytes], message: str) -> None:
    with pytest.raises(quantd.QuantdError, match=message):
        await fetched(files, 1, 9)


async def test_nobody_there_is_an_error_of_ours() -> None:
    with pytest.raises(quantd.QuantdError, match="cannot fetch it"):
        _ = [page async for page in days.ticks("http://127.0.0.1:9", EventClock(), "BTCUSDT", DAY, 1, 2)]
