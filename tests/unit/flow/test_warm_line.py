"""Many symbols warm up: who reads first, what the stream spares, and how long it takes."""

import asyncio
from collections.abc import Iterable, Sequence
from pathlib import Path

import pytest

from quantd.clock import EventClock
from quantd.flow.exports import Exports
from quantd.flow.pair import PairStage
from quantd.flow.publish import Publisher
from quantd.flow.symbol import SymbolStage
from quantd.flow.warm_line import Warming, WarmLine
from quantd.model import Bar, PairPoint, Status, Tick
from quantd.plugin.guard import Guard
from quantd.timeframes import MINUTE, SECOND
from quantd_plugins.resamplers.time import TimeBars
from tests.unit.flow.test_restore import NOW, WINDOW, Daemon, Venue
from tests.waiting import until

FULL_MINUTE = NOW + 40 * SECOND
"""The first full minute after NOW."""
END = NOW + 12 * MINUTE


def stage(symbol: str) -> SymbolStage:
    return SymbolStage(symbol, TimeBars(every=("1m",)), Guard("any", "", EventClock()), Exports([]))


def pair(y: SymbolStage, x: SymbolStage) -> PairStage:
    return PairStage(y, x, (), Exports([]))


async def read_in_order(line: WarmLine, stages: Sequence[SymbolStage], *, drop: Sequence[SymbolStage] = ()) -> str:
    """Let all stages read at once, and some leave while they wait. Return the order in which they read."""
    order: list[str] = []

    async def read(each: SymbolStage) -> None:
        async with line.turn(each):
            order.append(each.symbol)
            for _ in range(3):
                await asyncio.sleep(0)

    tasks = {each: asyncio.create_task(read(each)) for each in stages}
    await asyncio.sleep(0)
    for each in drop:
        tasks[each].cancel()
    await asyncio.gather(*tasks.values(), return_exceptions=True)
    return "".join(order)


async def test_pairs_go_before_single_symbols_and_those_that_are_nearly_whole_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("quantd.flow.warm_line._AT_ONCE", 1)
    stages = [stage(symbol) for symbol in "ABCDEF"]
    _, b, c, _, e, f = stages
    line = WarmLine(EventClock())
    ordered = line.expect(stages, [pair(b, f), pair(c, e), pair(e, f)])
    assert "".join(each.symbol for each in ordered) == "BCEFAD"
    assert await read_in_order(line, ordered) == "BFECAD"


async def test_a_symbol_that_leaves_while_it_waits_passes_its_turn_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("quantd.flow.warm_line._AT_ONCE", 2)
    stages = [stage(symbol) for symbol in "ABCDEF"]
    line = WarmLine(EventClock())
    line.expect(stages, [])
    assert await read_in_order(line, stages, drop=[stages[0], stages[2], stages[5]]) == "ABDE"
    assert await read_in_order(line, stages) == "ABCDEF", "no turn is lost"


async def test_nobody_waits_in_line_for_a_feed_that_does_not_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("quantd.flow.warm_line._AT_ONCE", 1)
    line, inside, go = WarmLine(EventClock()), [], asyncio.Event()

    async def read(each: SymbolStage, *, fails: bool) -> None:
        async with line.turn(each):
            if fails:
                raise OSError("unreachable")
            inside.append(each)
            await go.wait()

    tasks = [asyncio.create_task(read(stage(symbol), fails=symbol in "ABC")) for symbol in "ABCDEFG"]
    await until(lambda: len(inside) == 4)
    go.set()
    await asyncio.gather(*tasks, return_exceptions=True)
    inside.clear()
    go.clear()
    tasks = [asyncio.create_task(read(stage(symbol), fails=False)) for symbol in "DE"]
    for _ in range(9):
        await asyncio.sleep(0)
    assert len(inside) == 1, "it answers again"
    go.set()
    await asyncio.gather(*tasks)


def test_the_estimate_follows_the_pace() -> None:
    async def read(count: int, seconds: float) -> None:
        for _ in range(count):
            async with line.turn(each):
                clock.advance_to(clock.now() + round(1_000 * seconds / count))

    clock, each = EventClock(), stage("A")
    line = WarmLine(clock)
    line.expect([each], [])
    assert line.left_s(500) == pytest.approx(120)
    asyncio.run(read(1_000, 600))
    assert line.left_s(500) == pytest.approx(300, rel=0.15)
    assert str(Warming(500, 1_000, line.left_s(500))) == "500/1000, about 5 min left"


class Counting(Venue):
    """Counts the questions for trades."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self.trades_asked: list[str] = []

    async def fetch_ticks(self, symbol: str, start: int, end: int) -> list[Tick]:
        self.trades_asked.append(symbol)
        return await super().fetch_ticks(symbol, start, end)


async def started(folder: Path, now: int, with_trades: int, monkeypatch: pytest.MonkeyPatch) -> tuple[Daemon, Counting]:
    """Start a daemon that fetches the trades of so many symbols, and let it live for some minutes."""
    monkeypatch.setattr("quantd.flow.warm_start.MOST_WITH_TRADES", with_trades)
    venue = Counting(now=now)
    daemon = Daemon(venue, folder, ["1m", "5m"])
    await until(lambda: daemon.flow.warm == with_trades)
    await daemon.live_to(FULL_MINUTE + 3 * SECOND)
    await until(lambda: daemon.flow.warm == 2)
    await daemon.live_to(END)
    await daemon.stop()
    return daemon, venue


@pytest.mark.parametrize("now", [NOW, NOW - 15 * SECOND])
@pytest.mark.parametrize("with_trades", [0, 1])
async def test_what_the_stream_has_is_not_fetched_and_nothing_differs(
    with_trades: int, now: int, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each symbol trades ten seconds after the full minute: the first trade comes before the stream, or before the first bar of it."""
    right, _ = await started(tmp_path_factory.mktemp("all"), now, 2, monkeypatch)
    found, venue = await started(tmp_path_factory.mktemp("few"), now, with_trades, monkeypatch)
    assert len(venue.trades_asked) == with_trades
    assert [stage.lost for stage in found.flow.stages] == [0, 0]
    for every in ("1m", "5m"):
        for symbol in "XY":
            bars = found.history.bars(symbol, every, 0, 2**60)
            assert len(bars) >= 480
            wanted = right.history.bars(symbol, every, bars[0].ts, 2**60)
            assert [_values(bar) for bar in bars] == [_values(bar) for bar in wanted]
            later = NOW + 6 * MINUTE
            assert [bar for bar in bars if bar.ts >= later] == [bar for bar in wanted if bar.ts >= later]
            assert {bar.quality for bar in bars} <= {"imported", "complete"}
        points = found.history.points("Y-X", every, 0, 2**60)
        assert len(points) > 470
        wanted_points = right.history.points("Y-X", every, points[WINDOW].ts, 2**60)
        assert [_numbers(point) for point in points[WINDOW:]] == [_numbers(point) for point in wanted_points]


def _values(bar: Bar) -> tuple[float, ...]:
    return bar.ts, bar.open, bar.high, bar.low, bar.close, bar.trades


def _numbers(point: PairPoint) -> tuple[float | None, ...]:
    return point.ts, point.hedge.beta, point.spread, point.zscore, point.coverage


class AtOnce(Counting):
    """Tells trades when both symbols have asked."""

    async def fetch_ticks(self, symbol: str, start: int, end: int) -> list[Tick]:
        found = await super().fetch_ticks(symbol, start, end)
        await until(lambda: len(self.trades_asked) == 2)
        return found


async def test_one_symbol_at_a_time_passes_its_past_to_the_pairs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    publish, seen = Publisher.publish_bars, set()

    def observed(publisher: Publisher, closed: Iterable[tuple[SymbolStage, Sequence[Bar]]]) -> None:
        seen.add(len(daemon.flow._recovery._warm_start._restoring))
        publish(publisher, closed)

    monkeypatch.setattr(Publisher, "publish_bars", observed)
    monkeypatch.setattr("quantd.flow.time_slice._STRETCH_S", 0.0)
    daemon = Daemon(AtOnce(), tmp_path, ["1m", "5m"])
    await daemon.warm()
    await daemon.stop()
    assert max(seen) == 1


async def test_a_stream_that_was_lost_is_waited_for_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("quantd.flow.warm_start.MOST_WITH_TRADES", 0)
    venue = Counting()
    daemon = Daemon(venue, tmp_path, ["1m"])
    await until(lambda: len(daemon.flow._recovery._warm_start._line._moments) == 2)
    back = FULL_MINUTE + 30 * SECOND  # each symbol has traded ten seconds after the full minute
    venue.events.put_nowait([Status(FULL_MINUTE - SECOND, healthy=False)])
    venue.now = back
    daemon.clock.advance_to(back)
    venue.events.put_nowait([Status(back, healthy=True)])
    await until(lambda: daemon.flow.watermark.top == back)
    assert daemon.flow.warm == 0
    await daemon.live_to(FULL_MINUTE + MINUTE + 3 * SECOND)
    await until(lambda: daemon.flow.warm == 2)
    await daemon.live_to(END)
    await daemon.stop()
    assert not venue.trades_asked
    for symbol in "XY":
        assert daemon.flow.stage(symbol).begins == FULL_MINUTE + MINUTE
        bars = daemon.history.bars(symbol, "1m", FULL_MINUTE - MINUTE, 2**60)
        assert [(bar.trades, bar.quality) for bar in bars[:3]] == [(1, "imported")] * 2 + [(1, "complete")]
        assert {bar.trades for bar in bars} == {1}
