"""The files of past days hold what REST tells of the same days."""

import hashlib
import io
import time
import zipfile
from datetime import UTC, datetime

import aiohttp
import pytest

from .support import Simulator, Start

DAY_MS = 86_400_000
QUIET = """
symbols:
  BTCUSDT: {level: 90000, tick: 0.1, step: 0.001, rate: 0.02}
"""


@pytest.fixture(scope="module")
def quiet(start: Start, tmp_path_factory: pytest.TempPathFactory) -> Simulator:
    path = tmp_path_factory.mktemp("scenario") / "quiet.yaml"
    path.write_text(QUIET)
    return start("--scenario", path)


def _name(day: int) -> str:
    return f"BTCUSDT-aggTrades-{datetime.fromtimestamp(day / 1000, UTC):%Y-%m-%d}.zip"


async def test_yesterday_s_file_is_what_rest_tells(quiet: Simulator) -> None:
    day = int(time.time() * 1000) // DAY_MS * DAY_MS - DAY_MS
    url = f"{quiet.rest}/data/futures/um/daily/aggTrades/BTCUSDT/{_name(day)}"
    async with aiohttp.ClientSession() as session:
        async with session.get(url) as answer:
            body = await answer.read()
        async with session.get(f"{url}.CHECKSUM") as answer:
            assert await answer.text() == f"{hashlib.sha256(body).hexdigest()}  {_name(day)}\n"
        params = {"symbol": "BTCUSDT", "startTime": str(day), "endTime": str(day + 3_599_999), "limit": "1000"}
        async with session.get(f"{quiet.rest}/fapi/v1/aggTrades", params=params) as answer:
            told = await answer.json()
    archive = zipfile.ZipFile(io.BytesIO(body))
    (member,) = archive.namelist()
    header, *rows = archive.read(member).decode().splitlines()
    assert header.split(",") == [
        "agg_trade_id",
        "price",
        "quantity",
        "first_trade_id",
        "last_trade_id",
        "transact_time",
        "is_buyer_maker",
    ]
    assert len(told) > 20
    assert rows[: len(told)] == [
        ",".join(str(each[key]) for key in ("a", "p", "q", "f", "l", "T")) + f",{str(each['m']).lower()}" for each in told
    ]
    assert len(rows) > 20 * len(told)


@pytest.mark.parametrize("ago", [0, -1])
async def test_a_day_that_is_not_over_has_no_file(quiet: Simulator, ago: int) -> None:
    day = int(time.time() * 1000) // DAY_MS * DAY_MS - ago * DAY_MS
    async with aiohttp.ClientSession() as session:
        for name in (_name(day), "BTCUSDT-aggTrades-2026-13-01.zip", _name(day).replace("BTC", "XXX")):
            async with session.get(f"{quiet.rest}/data/futures/um/daily/aggTrades/BTCUSDT/{name}") as answer:
                assert answer.status == 404
