"""Bodies are kept while their version stays, named by a tag, and encoded once for all who ask at the same time."""

import asyncio
from collections.abc import Hashable
from pathlib import Path
from urllib.parse import quote

import pytest
from aiohttp import ClientSession
from aiohttp.test_utils import BaseTestServer

from quantd.api.app import make_app
from quantd.api.server.kept import KEPT, Body, Kept
from quantd.config.model import ApiSettings
from quantd.services.analytics import Analysis
from quantd.services.live.calculator import Calculator, Task
from quantd.testing import fakes
from quantd.testing.services import FakeServices
from tests.unit.services.rig import rig

from .conftest import Ask
from .serving import ApiServer

PAIR = "/analytics/pair?pair=BTCUSDT-ETHUSDT"
PATHS = (
    PAIR,
    *(f"/analytics/{name}?pair=BTCUSDT-ETHUSDT" for name in ("adf", "hedge-ratio", "spread", "zscore", "correlation")),
    "/data/BTCUSDT?tf=1m",
    "/pairs",
)
ORIGIN = {"Origin": ApiSettings().cors[0]}


@pytest.fixture(autouse=True)
def filled(services: FakeServices) -> None:
    services.analytics.analysis = Analysis(fakes.points(40))
    services.market.stored["BTCUSDT", "1m"] = fakes.bars(40)
    services.analytics.state = services.market.state = 1


@pytest.mark.parametrize("path", PATHS)
async def test_who_has_a_body_gets_none_until_it_changes(session: ClientSession, services: FakeServices, path: str) -> None:
    async with session.get(path, headers=ORIGIN) as response:
        body, tag = await response.read(), response.headers["ETag"]
        assert response.headers["Vary"] == "Origin"
        assert response.headers["Access-Control-Allow-Origin"] == ORIGIN["Origin"]
    assert tag.startswith('"')
    assert body
    for named, status in ((tag, 304), (f'"x", W/{tag}', 304), ("*", 304), ('"x"', 200), (tag[:-2] + '"', 200)):
        async with session.get(path, headers=ORIGIN | {"If-None-Match": named}) as response:
            assert (response.status, response.headers["ETag"], response.headers["Vary"]) == (status, tag, "Origin")
            assert response.headers["Access-Control-Allow-Origin"] == ORIGIN["Origin"]
            assert await response.read() == (b"" if status == 304 else body)
    async with session.head(path) as response:
        assert (response.status, response.headers["ETag"], int(response.headers["Content-Length"])) == (200, tag, len(body))
    services.analytics.analysis = Analysis(fakes.points(41))
    services.market.stored["BTCUSDT", "1m"] = fakes.bars(41)
    for state in (1, 2, None):
        services.analytics.state = services.market.state = state
        async with session.get(path, headers={"If-None-Match": tag}) as response:
            assert response.status == (304 if state == 1 or path in ("/pairs", PATHS[1]) else 200), "what is the same has the same tag"


async def test_a_query_is_read_as_it_is_written(session: ClientSession, ask: Ask, services: FakeServices) -> None:
    """Decoded, both are the same text."""
    assert (await ask(f"{PAIR}&tf=5m&window=50"))[0] == 200
    async with session.get(f"/analytics/pair?pair={quote('BTCUSDT-ETHUSDT&tf=5m&window=50', safe='')}") as response:
        assert response.status == 400
    services.symbols.names.remove("ETHUSDT")
    assert (await ask(f"{PAIR}&tf=5m&window=50"))[0] == 400


async def test_errors_are_not_kept(server: BaseTestServer, ask: Ask, services: FakeServices) -> None:
    for path, status in (
        ("/analytics/pair?pair=BTCUSDT", 404),
        (f"{PAIR}&window=x", 422),
        ("/data/NONE", 400),
        ("/data/BTCUSDT?tf=9q", 400),
    ):
        for _ in range(2):
            assert (await ask(path))[0] == status, path
    assert server.app[KEPT].size == 0  # type: ignore[attr-defined]


def test_what_is_kept_is_bounded_and_the_one_asked_for_longest_ago_goes_first() -> None:
    kept = Kept(most=100)
    found = {name: kept.keep(name, 1, bytes(30)) for name in "abc"}
    assert kept.find("a", 1) is found["a"]
    kept.keep("d", 1, bytes(30))
    assert [name for name in "abcd" if kept.find(name, 1)] == ["a", "c", "d"]
    kept.keep("a", 2, bytes(40))
    assert (kept.find("a", 1), kept.size) == (None, 100)
    kept.keep("e", 1, bytes(101))
    assert kept.size == 0


class Counted(Kept):
    """Counts the bodies."""

    made = 0

    def keep(self, question: Hashable, version: Hashable | None, data: bytes, place: str | None = None) -> Body:
        self.made += 1
        return super().keep(question, version, data, place)


class CountedWork(Calculator):
    """Counts the computations."""

    done = 0

    def calculate(self, task: Task) -> Analysis:
        self.done += 1
        return super().calculate(task)


@pytest.mark.parametrize("window", [10, 1_100], ids=["encoded on the loop", "encoded in a thread"])
async def test_equal_questions_share_one_computation_and_one_encoding(tmp_path: Path, window: int) -> None:
    with rig(tmp_path) as at:
        for seed, symbol in enumerate("AB"):
            at.history.put_bars(fakes.bars(3_400, symbol=symbol, seed=seed))
        app = make_app(at.services, ApiSettings())
        app[KEPT] = kept = Counted()
        work = at.services.analytics._calculator = CountedWork(at.registry, at.clock)  # type: ignore[attr-defined]
        async with ApiServer(app) as server, ClientSession() as session:

            async def asked() -> bytes:
                async with session.get(server.make_url(f"/analytics/pair?pair=A-B&tf=1m&window={window}")) as response:
                    assert response.status == 200
                    return await response.read()

            bodies = await asyncio.gather(*(asked() for _ in range(12)))
            assert len(set(bodies)) == 1
            assert kept.made == 1
            assert work.done == (window == 10), "a large one is computed in another process"
            at.history.put_bars(fakes.bars(3_401, symbol="A")[-1:])
            assert await asked() == bodies[0], "the other leg has no such bar"
            assert kept.made == 2
