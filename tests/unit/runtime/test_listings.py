"""Symbols that the venue does not list, or no longer does: told of once, at their place, and waited for by nobody."""

import asyncio
import logging
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from itertools import pairwise
from pathlib import Path

import pytest

from quantd.config.named import Named
from quantd.config.node import Node
from quantd.model import Listing, Status
from quantd.runtime.listings import Listings
from quantd.testing.fakes import START
from quantd.timeframes import MINUTE
from tests.unit.runtime.test_guests import running, seconds
from tests.unit.services.rig import Rig, rig, trade
from tests.waiting import until

NAMED = [Named(symbol, "synthetic", Node("A-B", "quantd.yaml", 2, 5), "pairs[0]") for symbol in "AB"]


@contextmanager
def listings(at: Rig) -> Iterator[Listings]:
    yield Listings(at.runtime.flows, NAMED, at.runtime.outputs.troubles, at.services.learn_symbols)


def states(at: Rig) -> dict[str, str]:
    return {known.symbol: known.state for known in at.services.status.quality()}


def troubles(at: Rig) -> list[tuple[str, str, str]]:
    return [(trouble.what, trouble.name, trouble.text) for trouble in at.services.status.troubles()]


def told(caplog: pytest.LogCaptureFixture, level: int = logging.ERROR) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.name == "quantd.listings" and record.levelno == level]


async def test_one_that_is_not_listed_is_told_at_its_place_and_delays_nobody(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with rig(tmp_path, warm=True) as at, listings(at) as known:
        at.feed.tell.set()
        for _ in range(2):
            known.take(at.flow, ["AB", "B", "G"])
        text = "quantd.yaml:2:5: pairs[0]: synthetic does not list A (did you mean 'AB'?)"
        assert told(caplog) == [text], "once"
        assert troubles(at) == [("feed", "A", text)]
        assert at.feed.wanted[-1] == ("B",)
        flow = asyncio.create_task(at.flow.run())
        at.feed.events.put_nowait([Status(START, healthy=True), trade("B", 0)])
        await until(lambda: at.flow.warm == 1)
        (feed,) = at.services.status.feeds()
        assert (feed.state, feed.warm, feed.symbols) == ("live", 1, 1)
        assert states(at)["A"] == "unlisted"
        assert {standing.reason for standing in at.services.analytics.pairs()} == {"unlisted"}
        assert "A" not in at.feed.fetched, "its past is asked for in vain"
        at.feed.events.put_nowait([])
        await flow


async def test_a_disk_that_takes_no_list_keeps_nobody_from_knowing_it(tmp_path: Path) -> None:
    with rig(tmp_path, warm=True) as at, listings(at) as known, closing(sqlite3.connect(tmp_path / "state/cache/cache.db")) as db:
        for rename, told in (("Cache rename to Hidden", ["symbols"]), ("Hidden rename to Cache", [])):
            db.execute(f"alter table {rename}")
            known.take(at.flow, ["B", "G"])
            assert at.services.symbols.supported() == ["A", "B", "G"]
            assert states(at)["A"] == "unlisted"
            assert [name for what, name, _ in troubles(at) if what == "disk"] == told


async def test_a_feed_that_lists_nothing_says_nothing(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with rig(tmp_path) as at, listings(at) as known:
        known.take(at.flow, [])
        assert (told(caplog), troubles(at), at.flow.symbols) == ([], [], 2)
        assert at.services.symbols.supported() == ["A", "B"]


async def test_a_delisting_ends_bars_and_now_casts_until_it_is_listed_again(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    async with running(tmp_path) as at:
        with listings(at) as known:
            known.take(at.flow, ["A", "B", "G"])
            at.flow.process([trade("A", 1), trade("B", 1)])
            assert at.services.analytics.pairs()[0].reason is None
            for _ in range(2):
                known.take(at.flow, ["B", "G", "AB"])
            at.flow.process([trade("B", 2), trade("B", 3), Status(START + 4_000, healthy=True)])
            assert told(caplog) == ["quantd.yaml:2:5: pairs[0]: synthetic no longer lists A"]
            assert states(at) == {"A": "delisted", "B": "live"}
            assert [(standing.point, standing.reason) for standing in at.services.analytics.pairs()] == [(None, "delisted")] * 3
            bars = await at.services.market.bars("A", "1m", limit=1)
            assert [(bar.quality, bar.volume) for bar in bars] == [("partial", 2.0)], "the minute of its end"
            assert seconds(await at.services.market.bars("A", "1s", limit=2)) == [0, 1]
            assert seconds(await at.services.market.bars("B", "1s", limit=2)) == [2, 3]
            known.take(at.flow, ["A", "B", "G"])
            assert (troubles(at), at.feed.wanted[-1]) == ([], ("A", "B"))
            at.flow.process([trade("A", 4), trade("B", 4), trade("B", 6), Status(START + 6_000, healthy=True)])
            assert seconds(await at.services.market.bars("A", "1s", limit=5)) == [0, 1, 2, 3, 4]
            assert states(at)["A"] == "live"
            assert at.services.analytics.pairs()[0].reason is None


async def test_the_time_of_a_long_absence_is_filled_some_minutes_at_a_time(tmp_path: Path) -> None:
    """All at once it would hold up everything else."""
    async with running(tmp_path) as at:
        with listings(at) as known:
            known.take(at.flow, ["A", "B"])
            known.take(at.flow, ["B"])
            at.flow.process([Status(START + 25 * MINUTE, healthy=True)])
            known.take(at.flow, ["A", "B"])
            reached = []
            for second in range(1, 5):
                at.flow.process([Status(START + 25 * MINUTE + second * 1000, healthy=True)])
                (last,) = await at.services.market.bars("A", "1s", limit=1)
                reached.append((last.ts - START) // MINUTE)
            assert reached == [9, 19, 25, 25]
            bars = await at.services.market.bars("A", "1s", limit=1500)
            assert {after.ts - before.ts for before, after in pairwise(bars)} == {1000}


async def test_what_a_guest_is_a_rule_or_a_question_is_no_trouble(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with rig(tmp_path) as at, listings(at) as known:
        known.take(at.flow, ["A", "B", "G"])
        at.services.symbols.hold("somebody", ["G"])
        known.take(at.flow, ["A", "B"])
        assert (states(at)["G"], troubles(at)) == ("delisted", [])
        assert told(caplog, logging.WARNING) == ["synthetic no longer lists G"]


async def test_it_asks_again_when_the_feed_says_that_something_has_changed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("quantd.runtime.listings._SETTLE_S", 0.0)
    with rig(tmp_path) as at, listings(at) as known:
        asking = asyncio.create_task(known.run())
        await until(lambda: at.services.symbols.supported() == ["A", "B", "G", "H"])
        at.feed.listed = ["B"]
        at.flow.process([Listing("A", START, "SETTLING")])
        await until(lambda: states(at)["A"] == "delisted")
        asking.cancel()


async def test_a_list_that_lacks_a_symbol_is_asked_for_once_more(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It may have been cut short."""
    monkeypatch.setattr("quantd.runtime.listings._ONCE_MORE_S", 0.0)
    with rig(tmp_path) as at, listings(at) as known:
        at.feed.lists = [["B"]]
        asking = asyncio.create_task(known.run())
        await until(lambda: bool(at.feed.wanted) and at.feed.wanted[-2:] == [("B",), ("A", "B")])
        asking.cancel()
        assert (states(at)["A"], troubles(at)) == ("starting", [])


async def test_a_list_that_is_not_to_be_had_is_asked_for_on_and_told_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("quantd.runtime.listings._SHORTEST_PAUSE_S", 0.0)
    with rig(tmp_path) as at, listings(at) as known:
        at.feed.faults = 3
        asking = asyncio.create_task(known.run())
        await until(lambda: "G" in at.services.symbols.supported())
        asking.cancel()
        assert told(caplog, logging.WARNING) == ["what synthetic lists is not known, asking on: maintenance"]
        assert troubles(at) == []
