"""A page that does what the React frontend does, in a browser, at the address of its development server, on a daemon as a process."""

import json
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from quantd.cli.exchange import simulator
from tests.live.conftest import Running, daemons, write_config
from tests.live.test_frontend import REGRESSIONS, RULE, TIMEFRAMES

from .chromium import CHROMIUM, visiting

PAGE = Path(__file__).with_name("frontend.html")
PORT = 8080
"""That of Vite, which the contract names."""

pytestmark = [pytest.mark.browser, pytest.mark.skipif(CHROMIUM is None, reason="no chromium in PATH")]


@pytest.fixture(scope="module")
def daemon(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    folder = tmp_path_factory.mktemp("daemon")
    with simulator(tmp_path_factory.mktemp("exchange") / "ledger") as exchange, daemons() as start:
        write_config(folder, exchange.ws, exchange.rest)
        yield start(folder)


@pytest.fixture
async def origin() -> AsyncIterator[str]:
    async def page(request: web.Request) -> web.FileResponse:
        return web.FileResponse(PAGE)

    app = web.Application()
    app.router.add_get("/", page)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", PORT).start()
    yield f"http://localhost:{PORT}"
    await runner.cleanup()


async def test_everything_that_the_frontend_does_works(daemon: Running, origin: str, tmp_path: Path) -> None:
    async with visiting(f"{origin}/?api={daemon.http}", tmp_path / "profile") as tab:
        text = await tab.text_of("report")
        assert tab.wrong == [], "on the console, thrown, or refused"
    report: dict[str, Any] = json.loads(text)
    assert report["candles"].keys() == report["merged"].keys() == set(TIMEFRAMES)
    assert all(count > 1 for count in report["candles"].values())
    assert all(report["merged"].values()), "live candles have the keys of the history"
    assert report["points"].keys() == set(REGRESSIONS)
    assert all(report["points"].values())
    assert report["slow_points"] > 500
    assert report["slow_ms"] < 10_000, "the page would have given up"
    assert report["rule"].keys() == RULE
    assert report["toasts"].count("Subscribed to BTCUSDT, ETHUSDT") == len(TIMEFRAMES)
    assert report["toasts"].count("Alert: price > 1.0 for BTCUSDT") == 1
    assert report["trades"] > 0
    assert report["tickers"] > 0
    assert report["stop_ms"] < 1_000
