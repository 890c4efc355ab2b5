"""What the log says of an alert."""

import logging

import pytest
from msgspec.structs import replace

from quantd.testing import fakes
from quantd.testing.fakes import START
from quantd_plugins.sinks.log import LogSink


@pytest.mark.parametrize(("bar", "told"), [(None, ""), (START, ", bar 2026-01-01T00:00:00.000Z")])
async def test_an_alert_is_told_with_its_time_and_its_bar(caplog: pytest.LogCaptureFixture, bar: int | None, told: str) -> None:
    with caplog.at_level(logging.WARNING, "quantd.alerts"):
        await LogSink().send(fakes.alert(ts=START + 60_007, bar=bar))
    (line,) = [record.getMessage() for record in caplog.records]
    assert line == f"firing: BTCUSDT-ETHUSDT: zscore 2.5 above 2 (2.5) at 2026-01-01T00:01:00.007Z{told}"


async def test_what_is_unusual_is_told(caplog: pytest.LogCaptureFixture) -> None:
    alert = replace(fakes.alert(ts=START), severity="page", late=True, repeat=2, reason="no data for 5m")
    with caplog.at_level(logging.WARNING, "quantd.alerts"):
        await LogSink().send(alert)
    (line,) = [record.getMessage() for record in caplog.records]
    told = "BTCUSDT-ETHUSDT: zscore 2.5 above 2 (reminder 2): no data for 5m (2.5)"
    assert line == f"firing [page, late]: {told} at 2026-01-01T00:00:00.000Z"
