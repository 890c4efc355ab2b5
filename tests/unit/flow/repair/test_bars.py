"""Bars that closed before a trade came are rebuilt from what is recorded."""

from pathlib import Path

from quantd.clock import EventClock
from quantd.flow.exports import Exports
from quantd.flow.repair.bars import rebuild_bars
from quantd.flow.symbol import SymbolStage
from quantd.history.history import History
from quantd.plugin.guard import Guard
from quantd.testing import fakes
from quantd.testing.fakes import START
from quantd_plugins.resamplers.time import TimeBars
from quantd_plugins.stores.local import Local


async def test_only_what_changed_is_issued_again(tmp_path: Path) -> None:
    store = Local()
    store.open(tmp_path)
    stage = SymbolStage("X", TimeBars(every=("1s", "1m")), Guard("resampler", "time", EventClock()), Exports([]))
    history = History(store)
    ticks = [fakes.tick("X", number, 500 * number, float(number)) for number in range(1, 400)]
    missing = [each for each in ticks if 41 <= each.id <= 43]
    kept = [each for each in ticks if each not in missing]
    stage.accept(kept)
    bars = stage.close(START + 180_000)
    history.put_bars(bars)
    store.append(kept, bars, [])
    assert {bar.quality for bar in bars if bar.ts == START + 20_000} == {"gap"}
    store.append(missing, [], [])
    stage.accept(missing, mendable=START + 10**9)
    doubted = START + 500 * 40, START + 500 * 44
    again = await rebuild_bars(stage, history, *doubted)
    assert [(bar.every, bar.ts - START, bar.trades, bar.revision, bar.quality) for bar in again] == [
        ("1s", 20_000, 2, 1, "complete"),
        ("1s", 21_000, 2, 1, "complete"),
        ("1s", 22_000, 2, 1, "complete"),
        ("1m", 0, 119, 1, "partial"),
    ]
    history.put_bars(again)
    assert await rebuild_bars(stage, history, *doubted) == []
    store.close()
