"""What is wrong with the daemon is in its health for as long as it is so, and no longer."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import ClassVar

import pytest

import quantd
from quantd.flow.alerts.outbox import Outbox
from quantd.model import Status, Tick
from quantd.plugin.feed_health import ConnectionHealth, FeedHealth
from quantd.plugin.guard import LIMIT, Guard
from quantd.runtime.checkup import Checkup
from quantd.state import Message
from quantd.testing import fakes
from quantd.testing.fakes import START
from quantd_plugins.sinks.log import LogSink
from tests.unit.services.rig import Rig, rig, trade
from tests.waiting import until


@asynccontextmanager
async def looked_at(folder: Path) -> AsyncIterator[tuple[Rig, Checkup]]:
    """The flow drinks its feed, which has brought nothing yet."""
    with rig(folder) as at:
        at.services.learn_symbols(["A", "B", "G", "H"])
        flow = asyncio.create_task(at.flow.run())
        yield at, Checkup(at.runtime, folder, at.clock)
        at.feed.events.put_nowait([])
        await flow


def reasons(at: Rig, checkup: Checkup) -> list[tuple[str, str]]:
    checkup.look()
    return [(trouble.what, trouble.name) for trouble in at.services.status.troubles()]


async def test_a_feed_that_is_not_live_is_told_until_it_is(tmp_path: Path) -> None:
    async with looked_at(tmp_path) as (at, checkup):
        assert reasons(at, checkup) == [("feed", "synthetic")]
        at.feed.events.put_nowait([Status(START, healthy=True), trade("A", 0)])
        await until(lambda: at.flow.state == "live")
        assert reasons(at, checkup) == []
        at.feed.events.put_nowait([Status(START + 1_000, healthy=False)])
        await until(lambda: at.flow.state == "down")
        assert reasons(at, checkup) == [("feed", "synthetic")]
        assert at.services.status.troubles()[0].text == "is down: trades come no more: the log says why"


SILENT = ConnectionHealth("one", "market", 2, "up", silent=("B",))


@pytest.mark.parametrize(
    ("fares", "name"),
    [(FeedHealth(banned_until=START), "synthetic REST"), (FeedHealth((SILENT,)), "synthetic streams")],
)
async def test_what_a_live_feed_says_of_itself_is_told(tmp_path: Path, fares: FeedHealth, name: str) -> None:
    async with looked_at(tmp_path) as (at, checkup):
        at.feed.events.put_nowait([Status(START, healthy=True), trade("A", 0)])
        await until(lambda: at.flow.state == "live")
        for at.feed.fares, told in ((fares, [("feed", name)]), (FeedHealth(), [])):
            assert reasons(at, checkup) == told


async def test_a_listener_that_raises_does_not_end_the_feed_and_is_told_of_if_it_goes_on(tmp_path: Path) -> None:
    async with looked_at(tmp_path) as (at, checkup):
        heard: list[Tick] = []

        def fail(ticks: Sequence[Tick]) -> None:
            raise LookupError("no such client")

        unlisten = at.runtime.outputs.hub.listen("ticks", fail)
        at.runtime.outputs.hub.listen("ticks", heard.extend)
        at.feed.events.put_nowait([Status(START, healthy=True), trade("A", 0)])
        at.feed.events.put_nowait([trade("A", 1)])
        await until(lambda: heard == [trade("A", 0), trade("A", 1)])
        assert at.flow.state == "live"
        assert reasons(at, checkup) == [], "it may be of one batch"
        since = at.clock.now()
        at.clock.advance_to(since + 9_999)
        assert reasons(at, checkup) == []
        at.clock.advance_to(since + 10_000)
        assert reasons(at, checkup) == [("tasks", "listener of ticks")]
        assert "LookupError('no such client')" in at.services.status.troubles()[0].text
        unlisten()
        assert reasons(at, checkup) == []


async def test_a_plugin_is_told_of_by_its_kind(tmp_path: Path) -> None:
    async with looked_at(tmp_path) as (at, checkup):
        at.feed.events.put_nowait([Status(START, healthy=True), trade("A", 0)])
        await until(lambda: at.flow.state == "live")
        guards = at.runtime.guards
        sink, regression = guards(LogSink(), "log"), guards(at.flow.pairs[0].series[0].spec.regression, "A-B")
        for guard in (sink, regression):
            guard.call(divmod, 1, 0)
        assert reasons(at, checkup) == [("sinks", "sink log (log)")], "a pair does without, a sink loses an alert"
        sink.call(divmod, 1, 1)
        assert reasons(at, checkup) == []


async def test_a_disk_that_is_short_is_told_until_there_is_room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with looked_at(tmp_path) as (at, checkup):
        for least, told in (((1.1, 2**62), True), ((0.0, 0), False)):
            monkeypatch.setattr("quantd.runtime.checkup._LEAST_FREE", least)
            assert (("disk", str(tmp_path)) in reasons(at, checkup)) is told
            at.clock.advance_to(at.clock.now() + 10_000)


async def test_messages_that_were_not_delivered_are_told_of_until_they_are_sent_again(tmp_path: Path) -> None:
    class Shut(LogSink):
        """Refuses alerts until it is opened."""

        shut: ClassVar[bool] = True

        async def send(self, alert: quantd.Alert) -> None:
            if Shut.shut:
                raise quantd.Refused("410 Gone")

    with rig(tmp_path) as at:
        outbox = Outbox({"hook": (Shut(), Guard("sink", "hook", at.clock))}, at.clock)
        outbox.attach(at.runtime.outputs.keeper)
        at.runtime.outputs.outbox = outbox
        await outbox.start()
        checkup = Checkup(at.runtime, tmp_path, at.clock)
        alert = fakes.alert()
        outbox.put([Message(alert.key, "hook", "rule", (alert,))])
        await until(lambda: ("sinks", "messages for hook") in reasons(at, checkup))
        Shut.shut = False
        assert await outbox.resend() == 1
        assert ("sinks", "messages for hook") not in reasons(at, checkup)
        await outbox.stop()


@pytest.mark.parametrize("way", ["the rule is deleted", "nobody holds its legs"])
async def test_a_plugin_that_failed_for_a_pair_is_forgotten_with_it(tmp_path: Path, way: str) -> None:
    async with looked_at(tmp_path) as (at, checkup):
        at.feed.events.put_nowait([Status(START, healthy=True), trade("A", 0)])
        await until(lambda: at.flow.state == "live")
        rule = at.services.alerts.add("zscore", "G-H", ">", 2.0)
        (pair,) = (pair for pair in at.flow.pairs if pair.name == "G-H")
        guard = at.runtime.guards(pair.series[0].spec.regression, "G-H")
        for _ in range(LIMIT):
            guard.call(divmod, 1, 0)
        assert reasons(at, checkup) == [("plugins", "regression ols (G-H)")]
        if way == "the rule is deleted":
            at.services.alerts.delete(rule.id)
        else:
            at.runtime.drop_symbol("H")
        assert reasons(at, checkup) == []
        assert {user for _, user in at.runtime.guards._guards if user in ("A", "A-B")} == {"A", "A-B"}
