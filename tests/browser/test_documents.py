"""`/docs` and `/redoc` as a browser shows them, on a running demo."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from quantd.api.openapi import document
from quantd.api.table import ROUTES
from quantd.config.model import ApiSettings
from tests.api.tokens import guarded

from .browsing import Visit, visited
from .chromium import CHROMIUM, visiting

SUMMARIES = [operation["summary"] for methods in document(ROUTES)["paths"].values() for operation in methods.values()]
AUTHORIZE = """(async () => {
  const element = async (css) => {
    let found;
    while (!(found = document.querySelector(css))) await new Promise((go) => setTimeout(go, 50));
    return found;
  };
  (await element(".btn.authorize")).click();
  const field = await element(".auth-container input");
  Object.getOwnPropertyDescriptor(HTMLInputElement.prototype, "value").set.call(field, %s);
  field.dispatchEvent(new Event("input", { bubbles: true }));
  (await element(".auth-btn-wrapper .authorize")).click();
  (await element(".btn-done")).click();
  (await element("[id$=-get_symbols] .opblock-summary-control")).click();
  (await element(".try-out__btn")).click();
  (await element(".execute")).click();
})()"""
"""Does what a user does, step by step."""
STATUS = "document.querySelector('.live-responses-table tbody .response-col_status')?.textContent.trim()"
LOGO = "https://cdn.redoc.ly/redoc/logo-mini.svg"

pytestmark = [pytest.mark.browser, pytest.mark.skipif(CHROMIUM is None, reason="no chromium in PATH")]


@pytest.fixture(scope="module", params=["/docs", "/redoc"])
def visit(request: Any, demo: str, tmp_path_factory: pytest.TempPathFactory) -> Visit:
    return visited(f"{demo}{request.param}", tmp_path_factory.mktemp("profile"))


def test_every_route_is_shown(visit: Visit) -> None:
    shown = re.sub(r"<[^>]*>|&[a-z]+;|[^\w]", "", visit.dom)
    assert [summary for summary in SUMMARIES if re.sub(r"[^\w]", "", summary) not in shown] == []


def test_it_asks_its_own_daemon_only(visit: Visit) -> None:
    assert f"{visit.origin}/openapi.json" in visit.requested
    assert [url for url in visit.requested if not url.removeprefix("blob:").startswith(visit.origin)] == []


def test_the_console_tells_of_a_logo_that_was_not_loaded_at_most(visit: Visit) -> None:
    assert [line for line in visit.console if LOGO not in line] == []


async def test_requests_are_sent_with_the_token_that_was_entered(tmp_path: Path) -> None:
    async with guarded(tmp_path / "state", ApiSettings()) as api:
        token = api.token("read")
        async with visiting(str(api.server.make_url("/docs")), tmp_path / "profile") as page:
            await page.shows("document.querySelector('.btn.authorize') !== null", True)
            await page.run(AUTHORIZE % json.dumps(token))
            await page.shows(STATUS, "200")
