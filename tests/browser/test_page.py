"""The page at `/` as a browser shows it, on a running demo."""

import re
from math import isfinite

import pytest

from .browsing import Visit, visited
from .chromium import CHROMIUM
from .conftest import PAIRS

SYMBOLS = ["BTCUSDT", "ETHUSDT", "SOLUSDT", "AVAXUSDT", "BNBUSDT", "ADAUSDT"]

pytestmark = [pytest.mark.browser, pytest.mark.skipif(CHROMIUM is None, reason="no chromium in PATH")]


@pytest.fixture(scope="module")
def visit(demo: str, tmp_path_factory: pytest.TempPathFactory) -> Visit:
    return visited(demo, tmp_path_factory.mktemp("profile"))


def number(text: str) -> float:
    return float(text.replace(",", "").removesuffix(" %"))


def test_each_pair_has_its_numbers_in_each_timeframe(visit: Visit) -> None:
    pairs = visit.table("pairs")
    assert sorted(pairs) == sorted(f"{pair} {every}" for pair in PAIRS for every in ("1s", "1m", "5m"))
    for _, _, beta, spread, zscore, corr, corr_returns, coverage in pairs.values():
        assert all(isfinite(number(text)) for text in (beta, spread, zscore))
        assert -1 <= number(corr) <= 1
        assert -1 <= number(corr_returns) <= 1
        assert 0 < number(coverage) <= 100


def test_each_symbol_has_its_price_and_change(visit: Visit) -> None:
    prices = visit.table("prices")
    assert list(prices) == SYMBOLS
    for _, last, change in prices.values():
        assert number(last) > 0
        assert re.fullmatch(r"[+-]\d+\.\d\d %", change)


def test_the_page_says_that_it_is_live(visit: Visit) -> None:
    assert re.search(r'<span id="state"[^>]*data-on="true">live</span>', visit.dom)


def test_the_page_asks_its_own_daemon_only(visit: Visit) -> None:
    own = visit.origin, visit.origin.replace("http", "ws", 1)
    assert f"{own[1]}/ws" in visit.requested
    assert [url for url in visit.requested if not url.startswith(own)] == []


def test_the_console_is_silent(visit: Visit) -> None:
    assert visit.console == []
