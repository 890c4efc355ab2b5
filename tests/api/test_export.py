"""CSV downloads."""

from aiohttp import ClientSession

from quantd.flow.desk import Analysis
from quantd.stats.spreads import SpreadTest
from quantd.testing import fakes
from quantd.testing.desk import FakeDesk


async def test_points_and_footer(session: ClientSession, desk: FakeDesk) -> None:
    desk.analysis = Analysis(fakes.points(6), SpreadTest(6, -3.5, 0.01))
    async with session.get("/export?pair=btcusdt-ethusdt") as response:
        text = (await response.read()).decode()
    assert response.headers["Content-Type"] == "text/csv; charset=utf-8"
    assert response.headers["Content-Disposition"] == "attachment; filename=BTCUSDT_ETHUSDT_1m_20260101_000000.csv"
    lines = text.split("\r\n")
    assert "\n" not in "".join(lines)
    assert lines[0] == "timestamp,hedge_ratio,spread,zscore,rolling_correlation"
    first, last = desk.analysis.points[0], desk.analysis.points[-1]
    assert lines[1] == f"2026-01-01T00:00:00.000Z,2.0,{first.spread},,0.9"
    assert lines[6] == f"2026-01-01T00:05:00.000Z,2.0,{last.spread},{last.zscore},0.9"
    footer = ["", "ADF Test Results", "P-value,0.01", "Test Statistic,-3.5", "Interpretation,Stationary (mean-reverting)", ""]
    assert lines[7:] == footer


async def test_bars(session: ClientSession, desk: FakeDesk) -> None:
    desk.kept["BTCUSDT", "1m"] = bars = fakes.bars(9)
    async with session.get("/export/ohlcv?symbol=btcusdt&limit=1") as response:
        text = (await response.read()).decode()
    assert response.headers["Content-Disposition"] == "attachment; filename=BTCUSDT_1m_ohlcv_20260101_000000.csv"
    bar = bars[-1]
    row = f"2026-01-01T00:08:00.000Z,{bar.open},{bar.high},{bar.low},{bar.close},{bar.volume}"
    assert text == f"timestamp,open,high,low,close,volume\r\n{row}\r\n"
