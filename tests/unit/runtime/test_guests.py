"""Symbols that the config does not name: what is asked about them is answered with their past, and they leave no trace but their record."""

import asyncio
import csv
import math
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec

from quantd.model import Alert, Bar, Status, Tick
from quantd.services.analytics import Question
from quantd.services.live.subscriptions import KEPT_S, MOST_GUESTS
from quantd.testing.fakes import START
from tests.unit.services.rig import Rig, rig, trade
from tests.waiting import until

KEPT_MS = round(KEPT_S * 1000)


@asynccontextmanager
async def running(folder: Path) -> AsyncIterator[Rig]:
    """The flow drinks its feed; the past of the config's symbols is there."""
    with rig(folder, warm=True, store="local") as at:
        at.services.learn_symbols(await at.feed.fetch_symbols())
        flow = asyncio.create_task(at.flow.run())
        at.feed.tell.set()
        at.feed.events.put_nowait([Status(START, healthy=True), trade("A", 0), trade("B", 0)])
        await until(lambda: at.flow.warm == 2)
        at.feed.tell.clear()
        yield at
        at.feed.events.put_nowait([])
        await flow
        assert at.runtime.outputs.recorder
        await at.runtime.outputs.recorder.close()


def seconds(bars: list[Bar]) -> list[int]:
    return [(bar.ts - START) // 1000 for bar in bars]


def waiting(at: Rig, symbol: str) -> list[Tick]:
    """Return the trades of a symbol that wait for its past."""
    stage = at.flow.stage(symbol)
    return stage.arrivals.waiting if stage else []


async def test_a_question_waits_for_the_past(tmp_path: Path) -> None:
    async with running(tmp_path) as at:
        asked = asyncio.create_task(at.services.symbols.warm_up(["G"]))
        await until(lambda: "G" in at.feed.fetched)
        at.feed.events.put_nowait([trade("G", 0), trade("G", 1)])
        await until(lambda: len(waiting(at, "G")) == 2)
        assert not asked.done()
        (feed,) = at.services.status.feeds()
        assert (feed.state, feed.warm, feed.symbols) == ("live", 2, 2), "the daemon is as ready as before"
        at.feed.tell.set()
        await asked
        assert seconds(await at.services.market.bars("G", "1s", limit=100)) == list(range(-60, 2))
        assert sum(bar.volume for bar in await at.services.market.bars("G", "1m", limit=100)) == 62.0
        assert at.services.symbols.active() == ["A", "B"], "nobody holds it"


async def test_both_legs_are_waited_for(tmp_path: Path) -> None:
    async with running(tmp_path) as at:
        asked = asyncio.create_task(at.services.symbols.warm_up(["G", "H"]))
        await until(lambda: {"G", "H"} <= set(at.feed.fetched))
        assert not asked.done()
        at.feed.tell.set()
        await asked
        at.feed.events.put_nowait([trade("A", 5)])
        await until(lambda: at.flow.stages[0].last == trade("A", 5))
        assert (await at.services.analytics.analyse(Question("G", "H", "1s", 10, "ols"))).points


async def test_meanwhile_its_live_bars_show(tmp_path: Path) -> None:
    async with running(tmp_path) as at:
        asked = asyncio.create_task(at.services.symbols.warm_up(["G"]))
        await until(lambda: "G" in at.feed.fetched)
        none = msgspec.structs.replace(trade("G", 2), price=-1.0)
        at.feed.events.put_nowait([trade("G", 0), trade("G", 1), trade("G", 1), none])
        await until(lambda: len(waiting(at, "G")) == 4)
        for every, wanted in {"1s": [0, 1], "1m": [0], "5m": [0], "1h": [0]}.items():
            found = await at.services.market.bars("G", every, limit=100)
            assert seconds(found) == wanted, every
            assert {bar.quality for bar in found} == {"forming"}
            assert sum(bar.volume for bar in found) == 2.0, every
        assert not asked.done()
        at.feed.tell.set()
        await asked
        assert sum(bar.volume for bar in await at.services.market.bars("G", "1h", limit=100)) == 62.0
        assert await recorded(at, "G") == list(range(940, 1_002))


async def test_meanwhile_nobody_hears_of_what_is_no_trade_and_of_each_trade_once(tmp_path: Path) -> None:
    async with running(tmp_path) as at:
        at.services.alerts.add("price", "G", "<", 50.0)
        await until(lambda: "G" in at.feed.fetched)
        ticks: list[Tick] = []
        alerts: list[Alert] = []
        at.services.events.listen("ticks", ticks.extend)
        at.services.events.listen("alerts", alerts.extend)
        wrong = [msgspec.structs.replace(trade("G", 1), id=2_000 + n, price=price) for n, price in enumerate((-1.0, math.nan))]
        at.feed.events.put_nowait([trade("G", 0), *wrong, trade("G", 1), trade("G", 0)])
        at.feed.events.put_nowait([trade("G", 1), trade("G", 2)])
        await until(lambda: len(waiting(at, "G")) == 7)
        at.feed.tell.set()
        await until(lambda: at.flow.warm == 3)
        at.feed.events.put_nowait([trade("G", 2), trade("G", 3)])
        await until(lambda: ticks[-1:] == [trade("G", 3)])
        assert ticks == [trade("G", second) for second in range(4)]
        assert alerts == []
        (stage,) = [stage for stage in at.flow.stages if stage.symbol == "G"]
        assert (stage.intake.refused, stage.intake.ledger.duplicates) == (2, 3), "the intake counts what has waited"


async def test_who_has_waited_for_long_enough_is_answered_with_what_there_is(tmp_path: Path) -> None:
    async with running(tmp_path) as at:
        at.services.symbols._asked["G"] = at.clock.monotonic() - 5.0
        await at.services.symbols.warm_up(["G"])
        assert not at.flow.stages[-1].ready
        at.feed.tell.set()


async def test_what_is_let_go_is_kept_for_some_minutes(tmp_path: Path) -> None:
    async with running(tmp_path) as at:
        at.feed.tell.set()
        at.services.symbols.hold("socket", ["G"])
        await until(lambda: at.flow.warm == 3)
        stage = at.flow.stages[-1]
        let_go = at.clock.now()
        at.services.symbols.release("socket")
        assert at.services.symbols.active() == ["A", "B"]
        at.feed.events.put_nowait([trade("G", 0), trade("G", 1)])
        await until(lambda: stage.last == trade("G", 1))
        at.clock.advance_to(let_go + KEPT_MS - 1)
        at.services.symbols.sweep()
        await at.services.symbols.warm_up(["G"])
        assert (at.flow.stages[-1], at.feed.fetched.count("G")) == (stage, 1)
        at.clock.advance_to(let_go + 2 * KEPT_MS - 1)
        at.services.symbols.sweep()
        assert [each.symbol for each in at.flow.stages] == ["A", "B"]
        assert at.feed.wanted[-1] == ("A", "B")
        assert await at.services.market.bars("G", "1s") == []


async def test_one_that_comes_back_after_all_loses_and_doubles_nothing(tmp_path: Path) -> None:
    async with running(tmp_path) as at:
        at.feed.tell.set()
        await at.services.symbols.warm_up(["G"])
        at.feed.events.put_nowait([trade("G", 0), trade("G", 1)])
        await until(lambda: at.flow.stages[-1].last == trade("G", 1))
        assert await recorded(at, "G") == list(range(940, 1_002))
        for number in range(MOST_GUESTS):
            await at.services.symbols.warm_up([f"N{number}"])
        assert "G" not in at.feed.wanted[-1], "too many were asked for after it"
        await at.services.symbols.warm_up(["G"])
        at.feed.events.put_nowait([trade("G", 1), trade("G", 2)])
        await until(lambda: at.flow.stages[-1].last == trade("G", 2))
        assert await recorded(at, "G") == list(range(940, 1_003))
        assert sum(bar.volume for bar in await at.services.market.bars("G", "1h", limit=100)) == 63.0


async def recorded(at: Rig, symbol: str) -> list[int]:
    """The ids of the trades on disk, one for each time that they were written."""
    recorder = at.runtime.outputs.recorder
    assert recorder
    await recorder.write()
    return [int(number) for number in recorder.store.ticks(symbol, 0, 2**60)["id"]]


async def test_guests_are_not_without_number(tmp_path: Path) -> None:
    async with running(tmp_path) as at:
        at.feed.tell.set()
        for number in range(MOST_GUESTS + 3):
            at.services.symbols._asked[f"N{number}"] = -10.0
            await at.services.symbols.warm_up([f"N{number}"])
        assert len(at.flow.stages) == MOST_GUESTS + 2
        assert "N2" not in at.feed.wanted[-1]
        assert "N3" in at.feed.wanted[-1]


async def test_what_only_a_rule_names_is_in_none_of_the_operators_files(tmp_path: Path) -> None:
    exports = tmp_path / "exports"
    with rig(tmp_path, exports=[{"use": "csv", "dir": str(exports), "kinds": ["ticks", "bars", "points"]}]) as at:
        at.services.learn_symbols(["A", "B", "G", "H"])
        async with at.runtime.opened():
            at.services.alerts.add("zscore", "G-H", ">", 2.0)
            at.services.alerts.add("zscore", "A-H", ">", 2.0)
            at.flow.process([Status(START, healthy=True)])
            for second in range(40):
                at.flow.process([trade(symbol, second) for symbol in "ABGH"])
            assert {point.point.pair for point in at.services.analytics.pairs() if point.point} == {"A-B", "G-H", "A-H"}
    written = {path.stem: {row["symbol" if "symbol" in row else "pair"] for row in rows(path)} for path in exports.glob("*.csv")}
    assert written == {"ticks": {"A", "B"}, "bars": {"A", "B"}, "points": {"A-B"}}


def rows(path: Path) -> list[dict[str, str]]:
    return list(csv.DictReader(path.read_text().splitlines()))
