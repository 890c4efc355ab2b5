"""Symbols take up their past one beside the other: what goes wrong with one, or with the store, holds up no other."""

import asyncio
import threading
from pathlib import Path

import pytest

import quantd
from quantd.history.history import History
from quantd.model import Bar, Status, Tick
from quantd.timeframes import HOUR, MINUTE, SECOND
from tests.unit.flow.test_restore import NOW, Daemon, Venue, price, run
from tests.waiting import PATIENCE_S, until

AWAY = NOW + 30 * MINUTE


async def test_a_symbol_that_goes_while_the_record_is_looked_up_holds_up_no_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    await run(Venue(), tmp_path, NOW + 2 * MINUTE, every=["1m"])
    reading, goes_on, look_up = threading.Event(), threading.Event(), History.look_up

    def slow(history: History) -> None:
        reading.set()
        assert goes_on.wait(PATIENCE_S)
        look_up(history)

    monkeypatch.setattr(History, "look_up", slow)
    daemon = Daemon(Venue(now=AWAY), tmp_path, ["1m"])
    await until(lambda: reading.is_set() and all(asleep("warm " + symbol, "_look_up") for symbol in "XY"))
    daemon.flow.members.drop("Y")
    goes_on.set()
    await until(lambda: daemon.flow.warm == 1)
    assert len(daemon.history.bars("X", "1m", 0, 2**60)) >= 480
    await daemon.stop()


def asleep(task: str, function: str) -> bool:
    """Whether a task waits in a function."""
    return any(function in names(each.get_coro()) for each in asyncio.all_tasks() if each.get_name() == task)


def names(coroutine: object) -> list[str]:
    """Those of the functions that wait for one another."""
    found = []
    while coroutine is not None:
        found.append(getattr(coroutine, "__name__", ""))
        coroutine = getattr(coroutine, "cr_await", None)
    return found


async def test_a_look_up_that_failed_is_made_anew_for_the_next_symbol(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    await run(Venue(), tmp_path, NOW + 2 * MINUTE, every=["1m"])
    look_up = History.look_up
    failed: list[History] = []

    def failing_once(history: History) -> None:
        if not failed:
            failed.append(history)
            raise OSError("disk I/O error")
        look_up(history)

    monkeypatch.setattr(History, "look_up", failing_once)
    daemon = Daemon(Venue(now=AWAY), tmp_path, ["1m"])
    await until(lambda: bool(failed) and daemon.flow.warm == 2)
    (y, _) = daemon.flow.stages
    assert not y.joined
    await daemon.flow._recovery._warm_start._look_up(y)
    assert daemon.history.span("bars", "Y", "1m")
    await daemon.stop()


class Slow(Venue):
    """Tells no klines."""

    async def fetch_bars(self, symbol: str, every: str, start: int, end: int) -> list[Bar]:
        await asyncio.Event().wait()
        return []


async def test_the_record_of_a_symbol_that_gives_up_its_past_is_looked_through(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who was killed has left trades there that are in no bar, and points that are not those of their bars."""
    await run(Venue(), tmp_path, NOW + 2 * MINUTE, killed=True, every=["1m"])
    monkeypatch.setattr("quantd.flow.feed.MOST_WAITING", 2)
    daemon = Daemon(Slow(now=AWAY), tmp_path, ["1m"])
    await until(lambda: all(asleep("warm " + symbol, "fetch_bars") for symbol in "XY"))
    assert daemon.flow._recovery._repairs
    left = daemon.flow._recovery._repairs._recorded
    assert len(left) == 2
    await daemon.live_to(AWAY + 5 * MINUTE)
    await daemon.warm()
    assert not left
    await daemon.stop()


class Young(Venue):
    """Lists its symbols since two hours."""

    async def fetch_bars(self, symbol: str, every: str, start: int, end: int) -> list[Bar]:
        return [bar for bar in await super().fetch_bars(symbol, every, start, end) if bar.ts >= NOW - 2 * HOUR]


async def test_what_a_young_symbol_does_not_have_is_asked_once(tmp_path: Path) -> None:
    first, second = Young(), Young(now=AWAY)
    before = await run(first, tmp_path, NOW + 2 * MINUTE, every=["1m"])
    assert {count for _, _, count in first.asked} == {480}
    after = await run(second, tmp_path, every=["1m"])
    assert max(count for _, _, count in second.asked) <= 30
    bars = after.history.bars("X", "1m", 0, 2**60)
    assert bars[0] == before.history.bars("X", "1m", 0, 2**60)[0]
    assert [bar.ts for bar in bars] == list(range(bars[0].ts, bars[-1].ts + 1, MINUTE))


class WithoutIds(Venue):
    """Trades once a second since for ever, and tells the trades of an hour."""

    fetch_ids = quantd.Feed.fetch_ids

    async def fetch_ticks(self, symbol: str, start: int, end: int) -> list[Tick]:
        if self.down:
            raise quantd.QuantdError("503")
        return trades(symbol, max(start, self.now - HOUR), min(end, self.now))

    async def fetch_bars(self, symbol: str, every: str, start: int, end: int) -> list[Bar]:
        return []


def trades(symbol: str, start: int, end: int) -> list[Tick]:
    """Those of start <= ts < end."""
    times = range((start + 899) // SECOND * SECOND + 100, end, SECOND)
    return [Tick(symbol, 0, ts, ts, price(symbol, ts), 1.0, False) for ts in times]


async def seconds_after(venue: WithoutIds, folder: Path, now: int) -> dict[int, Bar]:
    """The bars of a run from the venue's now on, up to `now`, by the second after NOW."""
    daemon = Daemon(venue, folder, ["1s", "1m"])
    await until(lambda: daemon.flow.warm == 2)
    start, venue.now = venue.now, now
    venue.events.put_nowait([*trades("Y", start, now), *trades("X", start, now), Status(now, healthy=True)])
    daemon.clock.advance_to(now)
    await until(lambda: daemon.flow.watermark.closed >= now - 500 and venue.events.empty())
    bars = daemon.history.bars("Y", "1s", NOW, 2**60)
    await daemon.stop()
    return {(bar.ts - NOW) // SECOND: bar for bar in bars}


async def test_without_ids_what_was_missed_is_taken_and_what_was_recorded_stays_whole(tmp_path: Path) -> None:
    before = await seconds_after(WithoutIds(), tmp_path, NOW + 20 * SECOND)
    found = await seconds_after(WithoutIds(now=NOW + 32 * SECOND), tmp_path, NOW + 60 * SECOND)
    assert {at: found[at] for at in before} == before
    assert [(bar.trades, bar.quality) for bar in found.values()] == [(1, "complete")] * 59


async def test_without_ids_what_is_not_told_leaves_a_gap(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("quantd.flow.past._PAUSES_S", ())
    await seconds_after(WithoutIds(), tmp_path, NOW + 20 * SECOND)
    venue = WithoutIds(now=NOW + 32 * SECOND)
    venue.down = True
    found = await seconds_after(venue, tmp_path, NOW + 60 * SECOND)
    assert [found[at].quality for at in (18, *range(20, 32), 34)] == ["complete", *["gap"] * 12, "complete"]
