"""The bench for flows handles events as the daemon does, with plugins of a test's own."""

import asyncio
from pathlib import Path

import quantd
from quantd.model import Status
from quantd.stats import FloatArray
from quantd.testing.bench import Bench, Venue, pair_config
from quantd.testing.fakes import START, tick
from quantd_plugins.resamplers.time import TimeBars
from quantd_plugins.stores.local import Local


class One(quantd.Regression):
    """A hedge of one for one."""

    window: int = 2

    def fit(self, y: FloatArray, x: FloatArray) -> quantd.Hedge | None:
        return quantd.Hedge(0.0, 1.0, len(y))


def trades(seconds: int) -> list[quantd.Tick]:
    return [tick(symbol, n + 1, 1_000 * n, 100.0 + n + (symbol == "Y")) for n in range(seconds) for symbol in "YX"]


def test_trades_come_out_as_rows_bars_and_points_of_a_regression_without_a_name() -> None:
    bench = Bench(pair_config(TimeBars(every=("1s",)), One()))
    heard: list[quantd.Bar] = []
    bench.hub.listen("bars", heard.extend)
    bench.process(trades(4))
    bench.finish()
    assert sorted(bench.kept.rows["ticks"], key=str) == sorted(trades(4), key=str)
    assert bench.kept.rows["bars"] == heard
    assert [(point.pair, point.spread) for point in bench.kept.rows["points"]] == [("Y-X", 1.0)] * 3
    assert bench.history.bars("Y", "1s", 0, 2**60) == [bar for bar in heard if bar.symbol == "Y"]


async def test_a_venue_sends_what_a_test_tells_it_until_an_empty_batch() -> None:
    venue = Venue()
    bench = Bench(pair_config(TimeBars(every=("1s",)), One(), venue), now=START)
    venue.events.put_nowait([Status(START, healthy=True), *trades(3)])
    venue.events.put_nowait([])
    await asyncio.wait_for(bench.runtime.run(), 60)
    assert sorted(bench.kept.rows["ticks"], key=str) == sorted(trades(3), key=str)
    assert bench.clock.now() == START + 1_500, "the watermark: half a second of lateness is allowed"


async def test_a_store_below_the_folder_has_what_was_handled(tmp_path: Path) -> None:
    venue, store = Venue(), Local()
    bench = Bench(pair_config(TimeBars(every=("1s",)), One(), venue, store=store), tmp_path)
    venue.events.put_nowait(trades(3))
    venue.events.put_nowait([])
    await asyncio.wait_for(bench.runtime.run(), 60)
    store = Local()
    store.open_to_read(tmp_path)
    assert store.newest_tick("Y") == (3, START + 2_000)
    assert store.bars("Y", "1s", 0, 2**60) == [bar for bar in bench.kept.rows["bars"] if bar.symbol == "Y"]
    store.close()
