"""REST errors, silences and lies, as a client sees them."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest

from tests.simulator.support import Simulator

from .support import ask, fault, until_struck

Session = aiohttp.ClientSession
TRADES = "/fapi/v1/aggTrades"


@pytest.fixture
async def session(faulty: Simulator) -> AsyncIterator[Session]:
    async with aiohttp.ClientSession(faulty.rest, auto_decompress=False) as opened:
        yield opened


async def get(session: Session, path: str = "/fapi/v1/ping", **query: Any) -> tuple[int, Any, bytes]:
    async with session.get(path, params=query, allow_redirects=False) as response:
        return response.status, response.headers, await response.read()


@pytest.mark.parametrize("status", [403, 408, 418, 429, 451, 500, 503])
async def test_a_status_with_its_body(faulty: Simulator, session: Session, status: int) -> None:
    async with fault(faulty, "rest_status", status=status, n=2):
        answers = [await get(session) for _ in range(3)]
    assert [answer[0] for answer in answers] == [status, status, 200]
    body = json.loads(answers[0][2])
    assert list(body) == ["code", "msg"]
    assert all("X-MBX-USED-WEIGHT-1M" in answer[1] and "Date" in answer[1] for answer in answers)


@pytest.mark.parametrize("value", [7, -1, 10**12, "Wed, 21 Oct 2026 07:28:00 GMT", "soon"])
async def test_retry_after_is_sent_as_it_stands(faulty: Simulator, session: Session, value: Any) -> None:
    async with fault(faulty, "rest_status", status=429, retry_after=value):
        assert (await get(session))[1]["Retry-After"] == str(value)


async def test_bodies_that_are_no_json(faulty: Simulator, session: Session) -> None:
    for status, body in ((502, "html"), (200, "html"), (500, "empty"), (503, "truncated")):
        async with fault(faulty, "rest_status", status=status, body=body):
            got, _, content = await get(session)
        assert got == status
        with pytest.raises(ValueError, match=r"Expecting|Unterminated"):
            json.loads(content)


async def test_a_redirect_leads_to_where_nobody_should_go(faulty: Simulator, session: Session) -> None:
    async with fault(faulty, "rest_status", body="redirect"):
        status, headers, _ = await get(session)
    assert (status, headers["Location"][:22]) == (302, "http://169.254.169.254")


async def test_a_bomb(faulty: Simulator, session: Session) -> None:
    async with fault(faulty, "rest_status", status=200, body="gzip_bomb"):
        _, headers, content = await get(session)
    assert headers["Content-Encoding"] == "gzip"
    assert 10_000 < len(content) < 200_000


@pytest.mark.parametrize("body", ["wrong_length", "reset"])
async def test_connections_that_break(faulty: Simulator, session: Session, body: str) -> None:
    async with fault(faulty, "rest_status", body=body):
        with pytest.raises((aiohttp.ClientPayloadError, aiohttp.ClientConnectionError)):
            await get(session)


async def test_a_slow_body_comes_byte_by_byte(faulty: Simulator, session: Session) -> None:
    async with fault(faulty, "rest_status", status=403, body="slow", delay_ms=1), session.get("/fapi/v1/ping") as response:
        parts = [part async for part in response.content.iter_any()]
    assert len(parts) > 5
    assert json.loads(b"".join(parts))["msg"] == "Forbidden"


async def test_hanging_ends_with_a_reset_and_a_stall_with_the_answer(faulty: Simulator, session: Session) -> None:
    async with fault(faulty, "rest_status", body="reset"):  # for the client's own second try
        async with fault(faulty, "rest_status", {"path": TRADES}, body="hang") as name:
            hanging = asyncio.create_task(get(session, TRADES, symbol="BTCUSDT"))
            await until_struck(faulty, name)
        with pytest.raises(aiohttp.ClientConnectionError):
            await hanging
    async with fault(faulty, "stall", {"path": TRADES}, mode="rest") as name:
        stalled = asyncio.create_task(get(session, TRADES, symbol="BTCUSDT"))
        await until_struck(faulty, name)
        assert not stalled.done()
    assert (await stalled)[0] == 200


async def rows(session: Session, **query: Any) -> list[dict[str, Any]]:
    return list(json.loads((await get(session, TRADES, symbol="BTCUSDT", **query))[2]))


async def test_lies(faulty: Simulator, session: Session) -> None:
    (oldest,) = await rows(session, fromId=1, limit=1)  # which may be gone a minute later: those behind it are not
    ids = [row["a"] for row in await rows(session, fromId=oldest["a"] + 5_000, limit=50)]
    lies = {}
    for mode in ("missing_row", "duplicate_row", "unsorted", "overlap", "wrong_symbol", "recent", "empty"):
        async with fault(faulty, "rest_lie", {"symbol": "BTCUSDT", "path": TRADES}, mode=mode, n=1):
            lies[mode] = [row["a"] for row in await rows(session, fromId=ids[20], limit=20)]
            assert [row["a"] for row in await rows(session, fromId=ids[20], limit=20)] == ids[20:40]
    honest = ids[20:40]
    assert (len(lies["missing_row"]), set(lies["missing_row"]) < set(honest)) == (19, True)
    assert (len(lies["duplicate_row"]), set(lies["duplicate_row"])) == (21, set(honest))
    assert lies["unsorted"] != honest
    assert sorted(lies["unsorted"]) == honest
    assert lies["overlap"] == ids[10:30]
    assert not set(lies["wrong_symbol"]) & set(honest)
    assert lies["recent"][0] > honest[-1]
    assert lies["empty"] == []
    async with fault(faulty, "rest_lie", mode="error"):
        assert (await get(session, TRADES, symbol="BTCUSDT", fromId=ids[0]))[0] == 400


async def test_requests_are_counted(faulty: Simulator, session: Session) -> None:
    async def count(path: str, status: int) -> int:
        _, body = await ask(faulty, "GET", "/requests")
        return sum(row["count"] for row in body["requests"] if (row["path"], row["status"]) == (path, status))

    before = await count("/fapi/v1/time", 503), await count("/fapi/v1/nope", 404)
    async with fault(faulty, "rest_status", {"path": "/fapi/v1/time"}):
        await get(session, "/fapi/v1/time")
    _, headers, _ = await get(session, "/fapi/v1/nope")
    assert "X-MBX-USED-WEIGHT-1M" in headers
    assert (await count("/fapi/v1/time", 503), await count("/fapi/v1/nope", 404)) == (before[0] + 1, before[1] + 1)
