"""A request whose bytes are known is answered as it was the first time, and never out of turn."""

import asyncio
import re
from collections.abc import AsyncIterator, Sequence

import msgspec
import pytest
from aiohttp.test_utils import BaseTestServer
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from quantd.api.app import make_app
from quantd.config.model import ApiSettings
from quantd.services.analytics import Analysis
from quantd.testing import fakes
from quantd.testing.services import FakeServices, fake_services
from tests.waiting import PATIENCE_S

from .serving import Answer, ApiServer, answer_of

PAIR = "/analytics/pair?pair=BTCUSDT-ETHUSDT"
PATHS = (PAIR, "/analytics/adf?pair=BTCUSDT-ETHUSDT", "/data/BTCUSDT?tf=1m", "/data/BTCUSDT?tf=1m&limit=7", "/pairs")
HEADERS = (
    (),
    (f"Origin: {ApiSettings().cors[0]}",),
    ("Origin: http://elsewhere.example", "Accept-Encoding: gzip"),
    ("If-None-Match: *", f"Origin: {ApiSettings().cors[0]}"),
    ('If-None-Match: "x"', "Cookie: a=b"),
)


@pytest.fixture(autouse=True)
def filled(services: FakeServices) -> None:
    fill(services)


def fill(services: FakeServices, count: int = 40) -> None:
    services.analytics.analysis = Analysis(fakes.points(count))
    services.market.stored["BTCUSDT", "1m"] = fakes.bars(count)
    services.analytics.state = services.market.state = count


def get(path: str, *headers: str) -> bytes:
    return "\r\n".join([f"GET {path} HTTP/1.1", "Host: localhost", *headers, "", ""]).encode()


class Client:
    """One connection that stays open."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self.writer = writer

    @classmethod
    async def of(cls, server: BaseTestServer) -> "Client":
        return cls(*await asyncio.open_connection("127.0.0.1", server.port))

    async def ask(self, data: bytes) -> Answer:
        self.writer.write(data)
        return await self.answer()

    async def answer(self) -> Answer:
        async with asyncio.timeout(PATIENCE_S):
            head = await self._reader.readuntil(b"\r\n\r\n")
            length = re.search(rb"(?i)content-length: (\d+)", head)
            return answer_of(head + await self._reader.readexactly(int(length[1]) if length else 0))


@pytest.fixture
async def client(server: BaseTestServer) -> AsyncIterator[Client]:
    client = await Client.of(server)
    yield client
    client.writer.close()


def shown(answer: Answer) -> tuple[int, dict[str, str], bytes]:
    return answer.status, {name: value for name, value in answer.headers.items() if name != "date"}, answer.body


@pytest.mark.parametrize("headers", HEADERS)
@pytest.mark.parametrize("path", PATHS)
async def test_both_ways_lead_to_the_same_answer(server: ApiServer, client: Client, path: str, headers: Sequence[str]) -> None:
    taken = server.connections.shortcut
    first = await client.ask(get(path, *headers))
    assert taken.answered == 0
    again = [await client.ask(get(path, *headers)) for _ in range(3)]
    assert taken.answered == 3
    assert [shown(answer) for answer in again] == [shown(first)] * 3
    assert all(re.fullmatch(r"\w{3}, \d\d \w{3} \d{4} [\d:]{8} GMT", answer.headers["date"]) for answer in again)
    other = await Client.of(server)
    assert shown(await other.ask(get(path, *headers))) == shown(first)
    assert taken.answered == 3, "the first one of a connection goes the long way"
    other.writer.close()


async def test_what_has_changed_is_answered_anew(server: ApiServer, client: Client, services: FakeServices) -> None:
    taken = server.connections.shortcut
    old = [await client.ask(get(PAIR)) for _ in range(2)]
    same = get(PAIR, f"If-None-Match: {old[0].headers['etag']}")
    assert [(await client.ask(same)).status for _ in range(2)] == [304, 304]
    fill(services, 41)
    new = [await client.ask(get(PAIR)) for _ in range(2)]
    assert taken.answered == 3
    assert new[0].body == new[1].body != old[0].body == old[1].body
    assert [(await client.ask(same)).status for _ in range(2)] == [200, 200]
    services.symbols.names.remove("ETHUSDT")
    assert (await client.ask(get(PAIR))).status == 400
    services.symbols.names.append("ETHUSDT")
    services.symbols.warmed.clear()
    before = taken.answered
    assert (await client.ask(get(PAIR))).status == 200
    assert taken.answered == before, "it waits for the symbol"


async def test_one_request_of_each_few_seconds_goes_the_long_way_and_renews_the_idle_time(server: ApiServer, client: Client) -> None:
    taken = server.connections.shortcut
    for answered in (0, 1, 2):
        await client.ask(get("/pairs"))
        assert taken.answered == answered
    (connection,) = server.connections._open
    connection._until = 0.0  # type: ignore[attr-defined]
    for answered in (2, 3):
        await client.ask(get("/pairs"))
        assert taken.answered == answered


LONE = [(get(path, *headers), b"") for path in PATHS for headers in HEADERS]
OTHERS = [
    (get("/live"), b""),
    (get("/nothing"), b""),
    (get("/live", "Content-Length: 3"), b"abc"),
    (get("/live", f"Content-Length: {len(get('/pairs'))}"), get("/pairs")),
    (get("/live", "Transfer-Encoding: chunked"), b"%x\r\n%b\r\n0\r\n\r\n" % (len(get("/pairs")), get("/pairs"))),
    (get("/data/clear").replace(b"GET", b"POST"), b""),
]
"""Heads and bodies. Some bodies look like a request."""
BAD = [get("/pairs").replace(b"\r\n", b"\n"), get("/pairs", "Host: evil.example"), get("/pairs").replace(b"localhost", b"evil.example")]
HOLDS, SENDS, WAITS, CUTS = range(4)
"""What to do with a part: send it with the next one; send it; send it and wait for all answers that are due; send a half of what is to be
sent."""
afters = st.sampled_from((HOLDS, SENDS, WAITS, CUTS))
asked = st.tuples(st.sampled_from(LONE[:2] + OTHERS), afters, afters)
SLOW, FAST = (get("/nothing"), b""), (get("/pairs"), b"")


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@example([(OTHERS[3], WAITS, WAITS), (FAST, WAITS, WAITS)])
@example([(OTHERS[4], WAITS, WAITS), (FAST, WAITS, WAITS)])
@example([(SLOW, SENDS, HOLDS)] * 3 + [(FAST, SENDS, HOLDS)] * 3)
@example([(SLOW, HOLDS, HOLDS), (SLOW, HOLDS, HOLDS), (SLOW, SENDS, HOLDS)] + [(FAST, SENDS, HOLDS)] * 3)
@example([(SLOW, CUTS, HOLDS), (FAST, SENDS, HOLDS), (FAST, SENDS, HOLDS), (FAST, SENDS, HOLDS)])
@given(st.lists(asked, min_size=1, max_size=8))
def test_answers_come_in_order_however_the_requests_are_cut(script: list[tuple[tuple[bytes, bytes], int, int]]) -> None:
    asyncio.run(cut(script))


async def cut(script: list[tuple[tuple[bytes, bytes], int, int]]) -> None:
    services = fake_services()
    fill(services)
    async with ApiServer(make_app(services, ApiSettings())) as server:
        alone = [shown(await told_alone(server, head + body)) for (head, body), _, _ in script]
        client = await Client.of(server)
        await client.ask(get("/pairs"))
        found: list[Answer] = []
        held, heads = b"", 0
        for (head, body), after_head, after_body in script:
            heads += 1
            for part, after in ((head, after_head), (body, after_body)):
                held += part
                sent = {HOLDS: 0, CUTS: len(held) // 2}.get(after, len(held))
                client.writer.write(held[:sent])
                held = held[sent:]
                await asyncio.sleep(0)
                if after == WAITS:
                    found += [await client.answer() for _ in range(heads - len(found))]
                    await drained()
        client.writer.write(held)
        found += [await client.answer() for _ in range(heads - len(found))]
        assert (await client.ask(get("/symbols"))).body == msgspec.json.encode(services.symbols.listed()), "nothing more came before it"
        client.writer.close()
        assert [shown(answer) for answer in found] == alone


async def drained() -> None:
    """Let the server take note of what it has sent."""
    for _ in range(5):
        await asyncio.sleep(0)


async def told_alone(server: ApiServer, request: bytes) -> Answer:
    client = await Client.of(server)
    answer = await client.ask(request)
    client.writer.close()
    return answer


@pytest.mark.parametrize("bad", BAD)
async def test_what_is_no_good_request_is_none_after_a_good_one(client: Client, bad: bytes) -> None:
    assert [(await client.ask(get("/pairs"))).status for _ in range(2)] == [200, 200]
    assert (await client.ask(bad)).status in (400, 421)
