"""The page at `/` as a browser shows it, on a running demo."""

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from math import isfinite
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.live.conftest import free_port
from tests.waiting import PATIENCE_S

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
FLAGS = "headless no-sandbox disable-gpu disable-quic no-first-run disable-sync disable-background-networking disable-component-update"
"""The page is our own, hence no sandbox; the rest keeps the browser from talking of its own accord."""
VIRTUAL_MS = 8000
PAIRS = ("BTCUSDT-ETHUSDT", "SOLUSDT-AVAXUSDT")
SYMBOLS = ["BTCUSDT", "ETHUSDT", "SOLUSDT", "AVAXUSDT", "BNBUSDT", "ADAUSDT"]

pytestmark = [pytest.mark.browser, pytest.mark.skipif(CHROMIUM is None, reason="no chromium in PATH")]


class Visit(NamedTuple):
    """What the browser made of the page, said on its console, and asked for on the page's behalf."""

    origin: str
    dom: str
    console: list[str]
    requested: set[str]

    def table(self, name: str) -> dict[str, list[str]]:
        """The cells of a table's rows by their keys."""
        (body,) = re.findall(rf'<tbody id="{name}">(.*?)</tbody>', self.dom, re.DOTALL)
        rows = re.findall(r'<tr data-key="([^"]+)">(.*?)</tr>', body, re.DOTALL)
        return {key: re.findall(r"<td[^>]*>(.*?)</td>", cells) for key, cells in rows}


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The origin of a demo whose windows are full."""
    origin = f"http://127.0.0.1:{free_port()}"
    command = [sys.executable, "-m", "quantd", "demo", "--listen", origin.removeprefix("http://")]
    process = subprocess.Popen(command, cwd=tmp_path_factory.mktemp("demo"), stdout=subprocess.PIPE, text=True)
    assert process.stdout
    with process, process.stdout as told:
        try:
            assert any(len(re.findall(r" [+-]\d+\.\d\d", line)) == 3 * len(PAIRS) for line in told), "the demo ended early"
            yield origin
        finally:
            process.terminate()


@pytest.fixture(scope="module")
def visit(demo: str, tmp_path_factory: pytest.TempPathFactory) -> Visit:
    profile = tmp_path_factory.mktemp("profile")
    net_log = profile / "net.json"
    options = {
        "user-data-dir": profile,
        "host-resolver-rules": "MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
        "virtual-time-budget": VIRTUAL_MS,
        "log-net-log": net_log,
        "enable-logging": "stderr",
    }
    flags = [f"--{flag}" for flag in FLAGS.split()] + [f"--{name}={value}" for name, value in options.items()]
    command = [str(CHROMIUM), *flags, "--v=0", "--dump-dom", demo]
    done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE_S, check=True)
    return Visit(demo, done.stdout, [line for line in done.stderr.splitlines() if "CONSOLE" in line], requests_of(demo, net_log))


def requests_of(origin: str, net_log: Path) -> set[str]:
    """The addresses that pages of this origin asked for."""
    params = [event.get("params", {}) for event in json.loads(net_log.read_text())["events"]]
    return {given["url"] for given in params if given.get("initiator") == origin and "url" in given}


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
