"""`/docs` and `/redoc` as a browser shows them, on a running demo."""

import re
from typing import Any

import pytest

from quantd.api.openapi import document
from quantd.api.table import ROUTES

from .browsing import CHROMIUM, Visit, visited

SUMMARIES = [operation["summary"] for methods in document(ROUTES)["paths"].values() for operation in methods.values()]
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
