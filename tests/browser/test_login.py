"""The page at `/` of a daemon that asks for a token, as a user of a browser meets it."""

import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from quantd.config.model import ApiSettings
from quantd.plugin.feed_health import FeedHealth
from quantd.services.status import FeedState
from quantd.testing.fakes import START
from tests.api.tokens import Guarded, guarded
from tests.browser.chromium import CHROMIUM, Tab, visiting

pytestmark = [pytest.mark.browser, pytest.mark.skipif(CHROMIUM is None, reason="no chromium in PATH")]
STATE = "document.getElementById('state').textContent"
HIDDEN = "document.getElementById('login').hidden"
WHY = "document.getElementById('why').textContent"
ENTER = "document.getElementById('token').value = {}; document.getElementById('login').requestSubmit()"


@pytest.fixture
async def api(tmp_path: Path) -> AsyncIterator[Guarded]:
    async with guarded(tmp_path / "state", ApiSettings()) as running:
        running.services.status.feed_states = [FeedState("binance", "live", START, 1, 0, 1, 1, None, FeedHealth())]
        yield running


@pytest.fixture
async def page(api: Guarded, tmp_path: Path) -> AsyncIterator[Tab]:
    async with visiting(str(api.server.make_url("/")), tmp_path / "profile") as shown:
        yield shown


async def test_an_open_daemon_asks_for_nothing_until_it_has_a_token(api: Guarded, page: Tab) -> None:
    await page.shows(STATE, "live")
    assert await page.run(HIDDEN) is True
    token = api.token("read")
    await page.shows(HIDDEN, False)
    await page.run(ENTER.format(json.dumps(token)))
    await page.shows(STATE, "live")
    assert await page.run(HIDDEN) is True


async def test_the_token_is_asked_for_and_kept_by_the_tab(api: Guarded, page: Tab) -> None:
    token = api.token("read", "mine")
    await page.do("Page.reload")
    await page.shows(STATE, "a token is needed")
    assert "quantd token create" in await page.run(WHY)
    for wrong, why in (("no token at all", "This is no token"), (token[:-1], "The token is not valid")):
        await page.run(ENTER.format(json.dumps(wrong)))
        await page.shows(f"{WHY}.startsWith({json.dumps(why)})", True)
    await page.run(ENTER.format(json.dumps(token)))
    await page.shows(STATE, "live")
    await page.do("Page.reload")
    await page.shows(STATE, "live")
    assert token not in await page.run("document.documentElement.outerHTML + location.href")
    api.revoke("mine")
    await page.shows(HIDDEN, False)
    assert "revoked" in await page.run(WHY)
