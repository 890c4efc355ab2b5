"""The page at `/` of a daemon that asks for a token, as a user of a browser meets it."""

import asyncio
import json
import shutil
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from websockets.asyncio.client import ClientConnection, connect

from quantd.config.model import ApiSettings
from quantd.plugin.feed_health import FeedHealth
from quantd.services.status import FeedState
from quantd.testing.fakes import START
from tests.api.tokens import Guarded, guarded
from tests.browser.browsing import CHROMIUM, FLAGS
from tests.waiting import PATIENCE_S, until

pytestmark = [pytest.mark.browser, pytest.mark.skipif(CHROMIUM is None, reason="no chromium in PATH")]
STATE = "document.getElementById('state').textContent"
HIDDEN = "document.getElementById('login').hidden"
WHY = "document.getElementById('why').textContent"
ENTER = "document.getElementById('token').value = {}; document.getElementById('login').requestSubmit()"


class Page:
    """A tab of the browser, over its protocol for developers."""

    def __init__(self, socket: ClientConnection) -> None:
        self._socket = socket
        self._asked = 0

    async def ask(self, method: str, **params: Any) -> Any:
        self._asked += 1
        await self._socket.send(json.dumps({"id": self._asked, "method": method, "params": params}))
        while True:
            answer = json.loads(await self._socket.recv())
            if answer.get("id") == self._asked:
                return answer["result"]

    async def run(self, script: str) -> Any:
        return (await self.ask("Runtime.evaluate", expression=script))["result"].get("value")

    async def shows(self, script: str, value: object) -> None:
        """Return once the script gives this value."""
        async with asyncio.timeout(PATIENCE_S / 4):
            while await self.run(script) != value:  # noqa: ASYNC110 -- the page tells nobody
                await asyncio.sleep(0.05)


@pytest.fixture
async def api(tmp_path: Path) -> AsyncIterator[Guarded]:
    async with guarded(tmp_path / "state", ApiSettings()) as running:
        running.services.status.feed_states = [FeedState("binance", "live", START, 1, 0, 1, 1, None, FeedHealth())]
        yield running


@pytest.fixture
async def page(api: Guarded, tmp_path: Path) -> AsyncIterator[Page]:
    flags = [f"--{flag}" for flag in FLAGS.split()]
    port_file = tmp_path / "profile/DevToolsActivePort"
    browser = await asyncio.create_subprocess_exec(
        str(CHROMIUM),
        *flags,
        f"--user-data-dir={port_file.parent}",
        "--remote-debugging-port=0",
        "about:blank",
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        await until(lambda: port_file.exists() and "\n" in port_file.read_text())
        port, path = port_file.read_text().split()
        async with connect(f"ws://127.0.0.1:{port}{path}") as whole:
            target = (await Page(whole).ask("Target.createTarget", url=f"http://127.0.0.1:{api.server.port}/"))["targetId"]
            async with connect(f"ws://127.0.0.1:{port}/devtools/page/{target}", max_size=None) as socket:
                yield Page(socket)
    finally:
        browser.terminate()
        await browser.wait()
        shutil.rmtree(port_file.parent, ignore_errors=True)


async def test_an_open_daemon_asks_for_nothing_until_it_has_a_token(api: Guarded, page: Page) -> None:
    await page.shows(STATE, "live")
    assert await page.run(HIDDEN) is True
    token = api.token("read")
    await page.shows(HIDDEN, False)
    await page.run(ENTER.format(json.dumps(token)))
    await page.shows(STATE, "live")
    assert await page.run(HIDDEN) is True


async def test_the_token_is_asked_for_and_kept_by_the_tab(api: Guarded, page: Page) -> None:
    token = api.token("read", "mine")
    await page.ask("Page.reload")
    await page.shows(STATE, "a token is needed")
    assert "quantd token create" in await page.run(WHY)
    for wrong, why in (("no token at all", "This is no token"), (token[:-1], "The token is not valid")):
        await page.run(ENTER.format(json.dumps(wrong)))
        await page.shows(f"{WHY}.startsWith({json.dumps(why)})", True)
    await page.run(ENTER.format(json.dumps(token)))
    await page.shows(STATE, "live")
    await page.ask("Page.reload")
    await page.shows(STATE, "live")
    assert token not in await page.run("document.documentElement.outerHTML + location.href")
    api.revoke("mine")
    await page.shows(HIDDEN, False)
    assert "revoked" in await page.run(WHY)
