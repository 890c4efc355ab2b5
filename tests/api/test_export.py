"""CSV downloads."""

import re
from urllib.parse import unquote

import pytest
from aiohttp import ClientResponse, ClientSession

from quantd.services.analytics import Analysis
from quantd.stats.spreads import SpreadTest
from quantd.testing import fakes
from quantd.testing.services import FakeServices, fake_services

QUARTERLY, CHINESE = "BTCUSDT_260327", "币安人生USDT"


def named(response: ClientResponse) -> tuple[str, str]:
    """The names of a download: that of ASCII, and that of any letters."""
    match = re.fullmatch(r"attachment; filename=([\w.-]+); filename\*=UTF-8''([\w.%-]+)", response.headers["Content-Disposition"], re.ASCII)
    assert match
    return match[1], unquote(match[2])


async def test_points_and_footer(session: ClientSession, services: FakeServices) -> None:
    services.analytics.analysis = Analysis(fakes.points(6), SpreadTest(6, -3.5, 0.01))
    async with session.get("/export?pair=btcusdt-ethusdt") as response:
        text = (await response.read()).decode()
    assert response.headers["Content-Type"] == "text/csv; charset=utf-8"
    assert named(response) == ("BTCUSDT_ETHUSDT_1m_20260101_000000.csv",) * 2
    lines = text.split("\r\n")
    assert "\n" not in "".join(lines)
    assert lines[0] == "timestamp,hedge_ratio,spread,zscore,rolling_correlation"
    first, last = services.analytics.analysis.points[0], services.analytics.analysis.points[-1]
    assert lines[1] == f"2026-01-01T00:00:00.000Z,2.0,{first.spread},,0.9"
    assert lines[6] == f"2026-01-01T00:05:00.000Z,2.0,{last.spread},{last.zscore},0.9"
    footer = ["", "ADF Test Results", "P-value,0.01", "Test Statistic,-3.5", "Interpretation,Stationary (mean-reverting)", ""]
    assert lines[7:] == footer


async def test_bars(session: ClientSession, services: FakeServices) -> None:
    services.market.stored["BTCUSDT", "1m"] = bars = fakes.bars(9)
    async with session.get("/export/ohlcv?symbol=btcusdt&limit=1") as response:
        text = (await response.read()).decode()
    assert named(response) == ("BTCUSDT_1m_ohlcv_20260101_000000.csv",) * 2
    bar = bars[-1]
    row = f"2026-01-01T00:08:00.000Z,{bar.open},{bar.high},{bar.low},{bar.close},{bar.volume}"
    assert text == f"timestamp,open,high,low,close,volume\r\n{row}\r\n"


class TestNames:
    @pytest.fixture
    def services(self) -> FakeServices:
        return fake_services(("BTCUSDT", "ETHUSDT", QUARTERLY, CHINESE))

    @pytest.mark.parametrize(
        ("pair", "name"),
        [
            (f"{QUARTERLY}-ETHUSDT", "BTCUSDT_260327-ETHUSDT_1m_20260101_000000.csv"),
            (f"ETHUSDT-{QUARTERLY}", "ETHUSDT-BTCUSDT_260327_1m_20260101_000000.csv"),
            (f"BTCUSDT-{QUARTERLY}", "BTCUSDT-BTCUSDT_260327_1m_20260101_000000.csv"),
            (f"{CHINESE}-BTCUSDT", "币安人生USDT_BTCUSDT_1m_20260101_000000.csv"),
        ],
    )
    async def test_a_pair_can_be_told_from_it(self, session: ClientSession, services: FakeServices, pair: str, name: str) -> None:
        services.analytics.analysis = Analysis(fakes.points(6), SpreadTest(6, -3.5, 0.01))
        async with session.get("/export", params={"pair": pair}) as response:
            assert named(response)[1] == name

    async def test_letters_that_ascii_has_not_are_numbers_there(self, session: ClientSession, services: FakeServices) -> None:
        services.market.stored[CHINESE, "1m"] = fakes.bars(9)
        async with session.get("/export/ohlcv", params={"symbol": CHINESE}) as response:
            plain, name = named(response)
        assert name == "币安人生USDT_1m_ohlcv_20260101_000000.csv"
        assert plain == "u005e01u005b89u004ebau00751fUSDT_1m_ohlcv_20260101_000000.csv"
