"""Heartbeats are sent while the data are fresh, and no longer."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

import quantd
from quantd.config.heartbeat import HeartbeatSettings
from quantd.model import Status
from quantd.plugin.feed_health import ConnectionHealth, FeedHealth
from quantd.runtime.heartbeat import Heartbeat
from quantd.testing.fakes import START
from tests.unit.services.rig import Rig, rig, trade
from tests.waiting import until


class Taken(quantd.AlertSink):
    """Keeps what it is sent, or fails, or never ends."""

    def __post_init__(self) -> None:
        self.alerts: list[quantd.Alert] = []
        self.fault: Exception | None = None
        self.hangs = False

    async def send(self, alert: quantd.Alert) -> None:
        if self.hangs:
            await asyncio.Event().wait()
        if self.fault:
            raise self.fault
        self.alerts.append(alert)


@asynccontextmanager
async def beating(folder: Path, every: str = "1m") -> AsyncIterator[tuple[Rig, Heartbeat, Taken]]:
    """A heartbeat of a feed that is live."""
    sink = Taken()
    with rig(folder) as at:
        at.services.learn_symbols(["A", "B"])
        flow = asyncio.create_task(at.flow.run())
        at.feed.events.put_nowait([Status(START, healthy=True), trade("A", 0)])
        await until(lambda: at.flow.state == "live")
        yield at, Heartbeat(at.runtime, {"hook": sink, "log": sink}, HeartbeatSettings(send=("hook",), every=every), at.clock), sink
        at.feed.events.put_nowait([])
        await flow


async def test_a_heartbeat_tells_the_age_of_the_data(tmp_path: Path) -> None:
    async with beating(tmp_path) as (at, heartbeat, sink):
        at.clock.advance_to(START + 2_100)
        await heartbeat.beat()
    (alert,) = sink.alerts
    assert (alert.state, alert.rule, alert.pair, alert.severity) == ("heartbeat", "heartbeat", "", "info")
    assert (alert.value, alert.threshold, alert.ts, alert.since) == (2.0, 60.0, START + 2_100, START)
    assert alert.key == "heartbeat@2026-01-01T00:00:02.100Z/heartbeat"


async def test_a_quiet_market_is_fresh_as_long_as_the_feed_tells_the_time(tmp_path: Path) -> None:
    async with beating(tmp_path) as (at, heartbeat, sink):
        at.clock.advance_to(START + 600_000)
        await heartbeat.beat()
        assert sink.alerts == []
        at.feed.events.put_nowait([Status(START + 599_000, healthy=True)])
        await until(lambda: at.flow.watermark.top == START + 599_000)
        await heartbeat.beat()
        assert len(sink.alerts) == 1


async def test_a_short_period_allows_for_ten_seconds(tmp_path: Path) -> None:
    async with beating(tmp_path, "1s") as (at, heartbeat, sink):
        at.clock.advance_to(START + 10_100)
        await heartbeat.beat()
        at.clock.advance_to(START + 10_101)
        await heartbeat.beat()
    assert [alert.ts for alert in sink.alerts] == [START + 10_100]


async def test_a_feed_that_is_down_has_no_heartbeat(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    async with beating(tmp_path) as (at, heartbeat, sink):
        at.feed.events.put_nowait([Status(START + 1_000, healthy=False)])
        await until(lambda: at.flow.state == "down")
        await heartbeat.beat()
        await heartbeat.beat()
    assert sink.alerts == []
    assert caplog.text.count("no heartbeat is sent: synthetic is not live") == 1


async def test_a_silent_stream_has_no_heartbeat(tmp_path: Path) -> None:
    async with beating(tmp_path) as (at, heartbeat, sink):
        at.feed.fares = FeedHealth((ConnectionHealth("one", "market", 2, "up", silent=("B",)),))
        await heartbeat.beat()
    assert sink.alerts == []


async def test_a_sink_that_does_not_take_it_is_in_the_health_until_it_does(tmp_path: Path) -> None:
    async with beating(tmp_path) as (at, heartbeat, sink):
        sink.fault = quantd.Retry(5)
        await heartbeat.beat()
        await heartbeat.beat()
        (trouble,) = at.runtime.outputs.troubles.present()
        assert (trouble.what, trouble.name, trouble.text) == ("sinks", "heartbeat to hook", "was not taken: asked to come again in 5 s")
        sink.fault = None
        await heartbeat.beat()
        assert at.runtime.outputs.troubles.present() == []
    assert len(sink.alerts) == 1  # those that failed are not sent again


async def test_a_sink_that_hangs_is_left_after_a_period(tmp_path: Path) -> None:
    async with beating(tmp_path) as (at, heartbeat, sink):
        heartbeat._every_ms, sink.hangs = 10, True
        await heartbeat.beat()
        (trouble,) = at.runtime.outputs.troubles.present()
        assert trouble.text == "was not taken: TimeoutError"


async def test_it_beats_from_the_end_of_the_warm_up_on(tmp_path: Path) -> None:
    async with beating(tmp_path) as (_, heartbeat, sink):
        warm = asyncio.Event()
        heartbeat._every_ms = 1
        task = asyncio.create_task(heartbeat.run(warm))
        await asyncio.sleep(0)
        assert sink.alerts == []
        warm.set()
        await until(lambda: len(sink.alerts) > 2)
        task.cancel()


async def test_data_from_the_future_are_no_fresh_ones(tmp_path: Path) -> None:
    async with beating(tmp_path) as (at, heartbeat, sink):
        at.clock._now = START - 61_000
        await heartbeat.beat()
    assert sink.alerts == []
