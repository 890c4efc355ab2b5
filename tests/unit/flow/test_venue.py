"""A host's clock that is wrong is told, and what is refused for its time too."""

import logging
from collections.abc import AsyncIterator, Sequence

import pytest

import quantd
from quantd.flow.venue import QUIET_S, Refusals, VenueClock
from quantd.timeframes import DAY
from tests.clocks import HostClock

NOW = 1_767_225_600_000


class Told(quantd.Feed):
    """Tells what it is told."""

    def __post_init__(self) -> None:
        self.now: int | None = None

    async def stream(self, subscription: quantd.Subscription) -> AsyncIterator[Sequence[quantd.Event]]:
        return
        yield

    def time(self) -> int | None:
        if self.now == 0:
            raise ValueError("no time")
        return self.now


def test_an_offset_is_told_once_and_again_when_it_changes(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    feed, host = Told(), HostClock(NOW)
    clock = VenueClock("venue", feed, host)
    for offset in (None, 0, -900, -20_000, -20_400, -19_300, 172_800_000, 900, 100, -100, 1_100):
        feed.now = None if offset is None else NOW + offset
        clock.look()
    said = "this host's clock is {} that of venue: times are corrected by that; set it with NTP"
    assert [(record.levelname, record.message) for record in caplog.records] == [
        ("WARNING", said.format("20.0 s ahead of")),
        ("WARNING", said.format("172800.0 s behind")),
        ("INFO", "this host's clock is right again: 0.1 s from that of venue"),
        ("WARNING", said.format("1.1 s behind")),
    ]


def test_a_feed_that_does_not_know_the_time_leaves_the_host_s(caplog: pytest.LogCaptureFixture) -> None:
    feed, host = Told(), HostClock(NOW)
    clock = VenueClock("venue", feed, host)
    assert (clock.now(), clock.offset) == (NOW, None)
    feed.now = 0
    assert (clock.now(), clock.offset) == (NOW, None)
    assert caplog.text.count("feed venue cannot tell how it is") == 1
    feed.now = NOW + 5
    assert (clock.now(), clock.offset) == (NOW + 5, 5)


def test_what_is_refused_is_told_once_a_minute(caplog: pytest.LogCaptureFixture) -> None:
    host = HostClock(NOW)
    refusals = Refusals("venue", host)
    for identity in range(1, 6):
        refusals.add(quantd.Tick("S", identity, NOW - 2 * DAY, NOW, 1.0, 1.0, False))
        host.go_on(QUIET_S / 4)
    assert refusals.count == 5
    assert [record.message.split(":")[1] for record in caplog.records] == [
        " 1 trades refused, e.g. id 1 of S",
        " 4 trades refused, e.g. id 5 of S",
    ]
    assert "its time is -2.0 days from when it came" in caplog.text
