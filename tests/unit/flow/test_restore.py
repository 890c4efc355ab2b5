"""A start: what is known of the past, what of it is news, and what the record had wrong."""

import asyncio
from collections.abc import Sequence
from pathlib import Path

import msgspec
import pytest

import quantd
from quantd.conditions.model import Compare, Term
from quantd.config.rules import Rule
from quantd.flow.news import supersedes
from quantd.model import DEFINITION, Alert, Bar, PairPoint, Quality, Status, Tick
from quantd.testing import fakes
from quantd.testing.bench import Bench, pair_config
from quantd.testing.bench import Venue as Scripted
from quantd.timeframes import DAY, HOUR, MINUTE, timeframe
from quantd_plugins.regressions.ols import Ols
from quantd_plugins.resamplers.time import TimeBars
from quantd_plugins.stores.local import Local
from tests.waiting import until

NOW = 1_767_225_600_000 + 13 * HOUR + 7 * MINUTE + 20_000
"""13:07:20 on a day."""
EVERY = ("1m", "5m", "1h", "14h")
WINDOW = 5
KINDS: tuple[quantd.RowKind, ...] = ("bars", "points")


def price(symbol: str, ts: int) -> float:
    """A price of a minute, the same however it is asked for."""
    number = ts // MINUTE
    return round((100.0 if symbol == "X" else 240.0) + (number * 7919 % 101) / 10 + (number * 31 % 17 if symbol == "Y" else 0) / 10, 1)


def trade(symbol: str, number: int) -> Tick:
    """One a minute, ten seconds in; ids count minutes."""
    ts = number * MINUTE + 10_000
    return fakes.tick(symbol, number, ts, price(symbol, ts), start=0)


class Venue(Scripted):
    """An exchange at `now`, whose symbols trade once a minute since for ever; it tells klines, and trades of an hour."""

    past_timeframes = ("1m", "5m", "1h", "2h")
    now: int = NOW

    def __post_init__(self) -> None:
        super().__post_init__()
        self.asked: list[tuple[str, str, int]] = []
        self.down = False

    async def fetch_ticks(self, symbol: str, start: int, end: int) -> list[Tick]:
        return await self.fetch_ids(symbol, max(start, self.now - HOUR) // MINUTE, min(end, self.now) // MINUTE)

    async def fetch_ids(self, symbol: str, first_id: int, last_id: int) -> list[Tick]:
        if self.down:
            raise quantd.QuantdError("503")
        return [tick for number in range(first_id, last_id + 1) if (tick := trade(symbol, number)).ts <= self.now]

    async def fetch_bars(self, symbol: str, every: str, start: int, end: int) -> list[Bar]:
        if self.down:
            raise quantd.QuantdError("503")
        self.asked.append((symbol, every, (end - start) // timeframe(every).step))
        return [bar for bar in klines(symbol, every, start, min(end, self.now)) if timeframe(every).end(bar.ts) <= self.now]


def klines(symbol: str, every: str, start: int, end: int) -> list[Bar]:
    frame, made = timeframe(every), []
    ts = frame.floor(start)
    while ts < end:
        prices = [price(symbol, minute) for minute in range(ts, frame.end(ts), MINUTE)]
        count = len(prices)
        if ts >= start:
            ohlc = (prices[0], max(prices), min(prices), prices[-1])
            made.append(Bar(symbol, every, ts, *ohlc, float(count), count, sum(prices) / count, 0.0, "imported"))
        ts = frame.end(ts)
    return made


class Daemon(Bench):
    """One run of a flow of the pair Y-X on the venue."""

    def __init__(self, venue: Venue, folder: Path, every: Sequence[str] = EVERY, *, killed: bool = False) -> None:
        """`killed` is how the run before ended."""
        self.venue = venue
        self.store = Local()
        rules = tuple(Rule(name=f"all-{name}", when=Compare(Term("beta"), "<", 1e9), every=name) for name in every)
        bars = TimeBars(every=tuple(every))
        config = pair_config(bars, Ols(window=WINDOW), venue, store=self.store, alerts=rules)
        super().__init__(config, folder, now=venue.now, warm=True)
        assert self.runtime.outputs.recorder
        self.recorder = self.runtime.outputs.recorder
        self.memory = self.flow._environment.kept
        if killed:
            self.memory["running"] = b""
        self.alerts: list[Alert] = []
        self.hub.listen("alerts", self.alerts.extend)
        self.task = asyncio.create_task(self.flow.run())
        venue.events.put_nowait([Status(venue.now, healthy=True)])

    async def warm(self) -> None:
        await until(lambda: self.flow.warm == 2)
        await until(lambda: self.flow._recovery._warm_start._check.done)

    def rows(self, kind: quantd.RowKind, every: str) -> list[int]:
        """The times of those of Y, none of which came twice under one revision."""
        rows = [row for row in self.kept.rows[kind] if row.every == every and getattr(row, "symbol", "Y") == "Y"]
        names = [(row.ts, row.revision) for row in rows]
        assert len(set(names)) == len(names), [name for name in names if names.count(name) > 1]
        return [row.ts for row in rows]

    async def live_to(self, now: int) -> None:
        """Let trades come up to a moment."""
        before, self.venue.now = self.venue.now, now
        ticks = [trade(symbol, number) for number in range(before // MINUTE, now // MINUTE + 1) for symbol in "YX"]
        fresh = [tick for tick in sorted(ticks, key=lambda tick: tick.ts) if before < tick.ts <= now]
        self.venue.events.put_nowait([*fresh, Status(now, healthy=True)])
        self.clock.advance_to(now)
        await until(lambda: self.flow.watermark.closed >= now - 500 and self.venue.events.empty())

    async def stop(self, *, killed: bool = False) -> None:
        self.task.cancel()
        await asyncio.gather(self.task, return_exceptions=True)
        await until(lambda: self.recorder._writing is None)
        if not killed:
            await self.recorder.write()
        self.store.close()


async def run(venue: Venue, folder: Path, now: int | None = None, *, killed: bool = False, every: Sequence[str] = EVERY) -> Daemon:
    """A run from the venue's now on, up to `now`."""
    daemon = Daemon(venue, folder, every)
    await daemon.warm()
    if now:
        await daemon.live_to(now)
    await daemon.stop(killed=killed)
    return daemon


def told(daemon: Daemon, every: str, start: int, end: int) -> None:
    """Bars and points of every bucket that opens in start <= ts < end were exported once, in order."""
    frame = timeframe(every)
    wanted, ts = [], frame.floor(start)
    while frame.end(ts) <= end:
        wanted.append(ts)
        ts = frame.end(ts)
    for kind in KINDS:
        assert list(dict.fromkeys(daemon.rows(kind, every))) == wanted, (kind, every)


async def test_every_timeframe_has_its_past_from_klines_that_make_it_up(tmp_path: Path) -> None:
    venue = Venue()
    daemon = await run(venue, tmp_path)
    for symbol in "XY":
        for every in EVERY:
            bars = daemon.history.bars(symbol, every, 0, 2**60)
            assert [(bar.ts, bar.open, bar.close) for bar in bars] == [
                (bar.ts, bar.open, bar.close) for bar in klines(symbol, every, bars[0].ts, NOW) if timeframe(every).end(bar.ts) <= NOW
            ]
            whole = {"1m": 480, "5m": 480, "1h": 14 * 24, "14h": 14 * 2}[every]
            assert len(bars) >= whole - 1, every
    assert {(every, interval) for every, interval, _ in venue.asked} == {(s, i) for s in "XY" for i in ("1m", "5m", "1h", "2h")}


async def test_what_is_open_at_the_first_start_is_told_and_nothing_before_it(tmp_path: Path) -> None:
    until = NOW + HOUR
    daemon = await run(Venue(), tmp_path, until)
    for every in EVERY:
        told(daemon, every, NOW, until - 500)


@pytest.mark.parametrize("killed", [False, True])
@pytest.mark.parametrize("away", [3 * MINUTE, 5 * HOUR, 9 * DAY])
async def test_what_closed_while_nobody_was_here_is_told_in_order(away: int, killed: bool, tmp_path: Path) -> None:
    venue = Venue()
    await run(venue, tmp_path, NOW + 2 * MINUTE, killed=killed)
    store = Local()
    store.open_to_read(tmp_path)
    kept = {every: {bar.ts for bar in store.bars("Y", every, 0, 2**60)} for every in EVERY}
    store.close()
    venue = Venue(now=NOW + away)
    daemon = await run(venue, tmp_path)
    for every in EVERY:
        frame = timeframe(every)
        closed = [bar.ts for bar in klines("Y", every, frame.floor(NOW), venue.now) if frame.end(bar.ts) <= venue.now]
        wanted = [ts for ts in closed if ts not in kept[every] and (every != "1m" or ts >= venue.now - 1_490 * MINUTE)]
        for kind in KINDS:
            found = [ts for ts in dict.fromkeys(daemon.rows(kind, every)) if ts >= min(wanted, default=0)]
            assert found == wanted, (kind, every)
    for alert in daemon.alerts:
        assert alert.bar is not None
        every = alert.rule.removeprefix("all-")
        assert timeframe(every).end(timeframe(every).end(alert.bar)) > venue.now, "only the newest bar is judged"


async def test_a_restart_changes_nothing_that_is_recorded(tmp_path: Path) -> None:
    """Minutes alone: the record of trades begins a few minutes ago, that of bars with hours of klines."""
    await run(Venue(), tmp_path, NOW + 3 * MINUTE, every=["1m"])
    store = Local()
    store.open_to_read(tmp_path)
    before = store.bars("Y", "1m", 0, 2**60), store.points("Y-X", "1m", 0, 2**60)
    daemon = await run(Venue(now=NOW + 3 * MINUTE), tmp_path, every=["1m"])
    assert (store.bars("Y", "1m", 0, 2**60), store.points("Y-X", "1m", 0, 2**60)) == before
    assert not daemon.kept.rows["bars"] + daemon.kept.rows["points"]
    store.close()


async def test_without_the_exchange_windows_come_back_from_the_record(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    await run(Venue(), tmp_path, NOW + 3 * MINUTE, every=["1m", "5m"])
    monkeypatch.setattr("quantd.flow.past._PAUSES_S", ())
    venue = Venue(now=NOW + 3 * MINUTE)
    venue.down = True
    daemon = Daemon(venue, tmp_path, ["1m", "5m"])
    await daemon.warm()
    (pair,) = daemon.flow.pairs
    assert [series.last is not None and series.last.zscore is not None for series in pair.series] == [True, True]
    assert len(daemon.history.bars("Y", "1m", 0, 2**60)) >= 480
    await daemon.stop()


changed = msgspec.structs.replace


def wrong(point: PairPoint) -> PairPoint:
    return changed(point, y=point.y + 1.0, zscore=7.0)


async def test_recorded_points_that_are_not_those_of_their_bars_are_rebuilt(tmp_path: Path) -> None:
    await run(Venue(), tmp_path, NOW + 40 * MINUTE, every=["1m"])
    store = Local()
    store.open(tmp_path)
    right = store.points("Y-X", "1m", 0, 2**60)
    assert len(right) == 40
    store._file._db.execute("DELETE FROM points WHERE ts IN (?, ?)", (right[12].ts, right[13].ts))
    for at, spoilt in ((20, wrong(right[20])), (30, changed(right[30], quality="gap")), (35, changed(right[35], coverage=0.5))):
        store.append([], [], [changed(spoilt, revision=at)])
    store.close()
    await run(Venue(now=NOW + 40 * MINUTE), tmp_path, every=["1m"])
    store.open(tmp_path)
    mended = store.points("Y-X", "1m", 0, 2**60)
    store.close()
    assert [msgspec.structs.replace(point, revision=0) for point in mended] == [
        msgspec.structs.replace(point, revision=0) for point in right
    ]
    assert [mended[at].revision for at in (12, 13, 20, 30, 35)] == [0, 0, 21, 31, 36]


async def test_points_are_those_of_a_daemon_that_never_stopped(tmp_path: Path) -> None:
    end = NOW + 50 * MINUTE
    for folder, stops in (("one", []), ("two", [NOW + 3 * MINUTE, NOW + 4 * MINUTE, NOW + 31 * MINUTE])):
        (tmp_path / folder).mkdir()
        now = NOW
        for stop in [*stops, end]:
            await run(Venue(now=now), tmp_path / folder, stop, killed=stop != end, every=["1m", "5m"])
            now = stop + (7 * MINUTE if stop != end else 0)
    found = []
    for folder in ("one", "two"):
        store = Local()
        store.open_to_read(tmp_path / folder)
        found.append(
            [msgspec.structs.replace(p, revision=0, quality="complete") for e in ("1m", "5m") for p in store.points("Y-X", e, 0, 2**60)]
        )
        store.close()
    assert found[0] == found[1]
    assert {point.definition for point in found[0]} == {DEFINITION}


@pytest.mark.parametrize(
    ("fresh", "known", "whether"),
    [
        ("complete", "gap", True),
        ("complete", "imported", True),
        ("gap", "complete", True),
        ("gap", "imported", False),
        ("partial", "complete", False),
        ("partial", "gap", True),
        ("imported", "gap", True),
        ("imported", "partial", True),
        ("imported", "complete", False),
    ],
)
def test_a_bar_supersedes_what_knows_no_more(fresh: Quality, known: Quality, whether: bool) -> None:
    bar = Bar("X", "1m", 0, 1.0, 1.0, 1.0, 1.0, 1.0, 1, 1.0, 0.0, known)
    assert supersedes(msgspec.structs.replace(bar, close=2.0, quality=fresh), bar) is whether
    assert not supersedes(msgspec.structs.replace(bar, revision=4), bar)


@pytest.mark.parametrize("killed", [False, True])
async def test_after_a_kill_the_newest_rows_are_told_again(killed: bool, tmp_path: Path) -> None:
    """The killed run may have told others, which it did not come to record."""
    await run(Venue(), tmp_path, NOW + 30 * MINUTE, every=["1m"])
    venue = Venue(now=NOW + 30 * MINUTE)
    daemon = Daemon(venue, tmp_path, ["1m"], killed=killed)
    await daemon.warm()
    assert list(daemon.memory) == ["running"]
    for kind in KINDS:
        told = daemon.rows(kind, "1m")
        assert told == sorted(told)
        assert bool(told) is killed
        assert set(told) <= set(range(NOW - 20_000 + 24 * MINUTE, NOW - 20_000 + 30 * MINUTE, MINUTE))
    await daemon.stop()
    assert daemon.memory == {}
