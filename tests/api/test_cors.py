"""Pages of known origins may read, others may not."""

import pytest
from aiohttp import ClientSession, WSServerHandshakeError

OURS, OTHER = "http://localhost:8080", "http://evil.example"
ASKS = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "content-type,x-a"}


@pytest.mark.parametrize(("path", "status"), [("/symbols", 200), ("/nowhere", 404), ("/data/NOPE", 400)])
async def test_answers_and_errors_are_marked_for_a_known_origin(session: ClientSession, path: str, status: int) -> None:
    async with session.get(path, headers={"Origin": OURS}) as response:
        assert response.status == status
        assert response.headers["Access-Control-Allow-Origin"] == OURS
        assert response.headers["Access-Control-Allow-Credentials"] == "true"
        assert "Origin" in response.headers.getall("Vary")


async def test_other_origins_are_not(session: ClientSession) -> None:
    async with session.get("/symbols", headers={"Origin": OTHER}) as response:
        assert response.status == 200
        assert "Access-Control-Allow-Origin" not in response.headers


async def test_preflight(session: ClientSession) -> None:
    async with session.options("/alerts", headers={"Origin": OURS, **ASKS}) as response:
        assert response.status == 200
        assert response.headers["Access-Control-Allow-Origin"] == OURS
        assert response.headers["Access-Control-Allow-Methods"] == "DELETE, GET, HEAD, OPTIONS, PATCH, POST, PUT"
        assert response.headers["Access-Control-Allow-Headers"] == "content-type,x-a"
        assert response.headers["Access-Control-Max-Age"] == "600"


async def test_preflight_of_another_origin(session: ClientSession) -> None:
    async with session.options("/alerts", headers={"Origin": OTHER, **ASKS}) as response:
        assert response.status == 400
        assert "Access-Control-Allow-Origin" not in response.headers


@pytest.mark.parametrize(("origin", "status"), [(OURS, 200), (None, 200), (OTHER, 403)])
async def test_a_page_of_another_origin_changes_nothing(session: ClientSession, origin: str | None, status: int) -> None:
    headers = {"Origin": origin} if origin else {}
    async with session.post("/data/clear", headers=headers) as response:
        assert response.status == status


async def test_a_page_of_another_origin_gets_no_socket(session: ClientSession) -> None:
    with pytest.raises(WSServerHandshakeError):
        await session.ws_connect("/ws", headers={"Origin": OTHER})
    async with session.ws_connect("/ws", headers={"Origin": OURS}) as socket:
        assert not socket.closed
