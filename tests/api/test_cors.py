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


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "[::1]"])
@pytest.mark.parametrize("port", [8080, 8081, 8082, 3000, 5173])
async def test_development_servers_are_known(session: ClientSession, host: str, port: int) -> None:
    origin = f"http://{host}:{port}"
    async with session.options("/alerts", headers={"Origin": origin, **ASKS}) as response:
        assert (response.status, response.headers["Access-Control-Allow-Origin"]) == (200, origin)


@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize("origin", ["http://[", "http://]", "//[::1"])
async def test_what_is_no_origin_is_a_bad_request(session: ClientSession, method: str, origin: str) -> None:
    async with session.request(method, "/data/clear", headers={"Origin": origin}) as response:
        assert (response.status, list(await response.json())) == (400, ["detail"])


async def test_the_own_page_changes_what_it_may(session: ClientSession) -> None:
    async with session.post("/data/clear", headers={"Origin": str(session._base_url).rstrip("/")}) as response:
        assert response.status == 200


async def test_a_preflight_for_what_is_no_header(session: ClientSession) -> None:
    asks = ASKS | {"Access-Control-Request-Headers": "a:b"}
    async with session.options("/alerts", headers={"Origin": OURS, **asks}) as response:
        assert (response.status, list(await response.json())) == (400, ["detail"])
