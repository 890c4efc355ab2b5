"""Pairs in a group make the points that each makes alone, to the bit, whatever happens to their bars."""

import random
from collections import deque
from collections.abc import Mapping, Sequence
from typing import ClassVar

import numpy as np
import pytest
from msgspec.structs import replace

import quantd
from quantd.clock import EventClock
from quantd.columns.points import PointColumns
from quantd.flow.pairs import PairSeries, PairSpec
from quantd.flow.pairs.background import Background, Take, Work
from quantd.flow.pairs.group import WORTH, Bars, Legs, PairGroup
from quantd.model import Bar, Hedge, PairPoint
from quantd.plugin.base import Plugin
from quantd.plugin.guard import Guard
from quantd.stats import FloatArray
from quantd.stats.columns.hedges import of_hedges
from quantd.stats.zscore import ZScore
from quantd.testing import fakes
from quantd_plugins.regressions.fixed import GivenHedge
from quantd_plugins.regressions.huber import Huber
from quantd_plugins.regressions.kalman import Kalman
from quantd_plugins.regressions.ols import Ols
from quantd_plugins.regressions.ridge import Ridge
from quantd_plugins.regressions.rls import Rls
from quantd_plugins.regressions.theil_sen import TheilSen
from quantd_plugins.regressions.tls import Tls

SYMBOLS = [f"S{n}" for n in range(9)]
WINDOW = 10
DAWN = 1_700_000_000_000
BARS = 160
QUALITIES: list[quantd.Quality] = ["complete", "complete", "complete", "complete", "complete", "partial", "gap"]


class Polyfit(quantd.Regression):
    """A regression of a third party, which fits one pair at a time."""

    def fit(self, y: FloatArray, x: FloatArray) -> Hedge | None:
        return Hedge(float(y.mean()), float((y * x).sum() / (x * x).sum()), len(y)) if x.std() > 0.0 else None


class Newest(quantd.PairJob):
    """Tells what it was shown last."""

    metrics: ClassVar[tuple[str, ...]] = ("beta_shown", "rows")

    def run(self, view: quantd.PairView) -> Mapping[str, float | None]:
        return {"beta_shown": float(view.columns["beta"][-1]), "rows": len(view.columns["y"])}

    def bars_needed(self, window: int) -> int:
        return 2 * window


class Slow(Newest):
    """Tells it later."""

    background: ClassVar[bool] = True


class Later(Background):
    """Does the work when it is told to deliver."""

    def __init__(self) -> None:
        self._asked: deque[tuple[Work, Take]] = deque()

    def run(self, work: Work, take: Take) -> None:
        self._asked.append((work, take))

    def deliver(self) -> bool:
        asked, self._asked = self._asked, deque()
        for work, take in asked:
            take(work())
        return bool(asked)


def guards(plugin: Plugin, user: str) -> Guard:
    return Guard("any", f"{type(plugin).__name__} {user}", EventClock())


class World:
    """Pairs of SYMBOLS, each in a group and alone."""

    def __init__(self, like: PairSpec, seed: int) -> None:
        self.chance = random.Random(seed)
        self.like = like
        self.later = Later(), Later()
        self.group = PairGroup(self._series("like", self.later[0]))
        self.pairs: dict[str, tuple[Legs, PairSeries, PairSeries]] = {}
        self.closes = {symbol: 10.0 ** self.chance.randint(-4, 4) for symbol in SYMBOLS}
        self.bars: dict[tuple[str, int], Bar] = {}

    def _series(self, name: str, later: Background) -> PairSeries:
        return PairSeries(replace(self.like, pair=name), guards, 5_000, later)

    def add(self) -> None:
        y, x = self.chance.sample(SYMBOLS, 2)
        if f"{y}-{x}" not in self.pairs:
            legs, (series, alone) = Legs(y, x), (self._series(f"{y}-{x}", later) for later in self.later)
            self.pairs[f"{y}-{x}"] = legs, series, alone
            self.group.add(series, legs)

    def drop(self) -> None:
        name = self.chance.choice(list(self.pairs))
        self.group.drop(self.pairs.pop(name)[1])

    def close(self, number: int) -> dict[tuple[str, str], list[Bar]]:
        """The bars of a second: most of them plain, some quiet, missing, late or re-issued."""
        given: dict[tuple[str, str], list[Bar]] = {}
        quiet = self.chance.random() < 0.1
        for symbol in SYMBOLS:
            if not quiet and not (symbol == "S0" and 60 < number < 90):
                self.closes[symbol] *= 1.0 + self.chance.gauss(0.0, 1e-3)
            quality = self.chance.choice(QUALITIES)
            bar = fakes.flat_bars([self.closes[symbol]], symbol=symbol, every="1s", start=DAWN + number * 1_000, quality=quality)[0]
            self.bars[symbol, number] = bar
            if self.chance.random() > 0.01:
                given[symbol, "1s"] = [bar]
        if self.chance.random() < 0.1:
            self._mend(given, number)
        return given

    def _mend(self, given: dict[tuple[str, str], list[Bar]], number: int) -> None:
        symbol, back = self.chance.choice(SYMBOLS), self.chance.randint(1, 8)
        if (symbol, number - back) in self.bars:
            bar = self.bars[symbol, number - back]
            mended = replace(bar, close=bar.close * 1.001, high=bar.high * 1.001, revision=bar.revision + 1)
            self.bars[symbol, number - back] = mended
            given[symbol, "1s"] = [mended, *given.get((symbol, "1s"), [])]

    def step(self, number: int) -> None:
        given: Bars = self.close(number)
        self.check(given)
        if self.chance.random() < 0.05:  # a bar that one leg lacked
            symbol = self.chance.choice(SYMBOLS)
            self.check({(symbol, "1s"): [self.bars[symbol, max(0, number - 2)]]})
        self.group.settle(most=self.chance.choice([0, 3, 100]))
        if self.chance.random() < 0.5:
            for later in self.later:
                later.deliver()
            for _, series, alone in self.pairs.values():
                assert series.arrived() == alone.arrived()
                self._compare(series, alone)

    def check(self, given: Bars) -> None:
        mine: dict[str, list[PairPoint]] = {}
        for made in self.group.step(given, lambda pair, every: 0):
            points = list(made) if isinstance(made, PointColumns) else made[1]
            for point in points:
                mine.setdefault(point.pair, []).append(point)
        expected = {}
        for name, (legs, series, alone) in self.pairs.items():
            points = self._alone(alone, legs, given)
            if points:
                expected[name] = points
            self._compare(series, alone)
        assert mine == expected

    def _alone(self, alone: PairSeries, legs: Legs, given: Bars) -> list[PairPoint]:
        y, x = (given.get((leg, "1s"), ()) for leg in (legs.y, legs.x))
        return alone.add(y, x) if y or x else []

    def _compare(self, series: PairSeries, alone: PairSeries) -> None:
        prices: Sequence[float] = [self.closes[leg] * 1.01 for leg in series.spec.pair.split("-")]
        for one in ("last", "oldest", "bars", "counts"):
            assert getattr(series, one) == getattr(alone, one)
        assert series.nowcast(DAWN, *prices) == alone.nowcast(DAWN, *prices)


SPECS = {
    "ols": PairSpec("", "1s", Ols(window=WINDOW)),
    "log": PairSpec("", "1s", Ols(window=WINDOW, prices="log"), spread="residual"),
    "before": PairSpec("", "1s", Ols(window=WINDOW), ZScore(against="before", window=15)),
    "rolling": PairSpec("", "1s", Ols(window=WINDOW), ZScore(method="rolling", window=7), spread="residual"),
    "robust": PairSpec("", "1s", Ridge(window=WINDOW), ZScore(method="robust")),
    "ew": PairSpec("", "1s", Tls(window=WINDOW), ZScore(method="ew", window=25)),
    "given": PairSpec("", "1s", GivenHedge(window=WINDOW, beta=0.5)),
    "huber": PairSpec("", "1s", Huber(window=WINDOW)),
    "theil-sen": PairSpec("", "1s", TheilSen(window=WINDOW)),
    "third party": PairSpec("", "1s", Polyfit(window=WINDOW)),
    "kalman": PairSpec("", "1s", Kalman(window=WINDOW), ZScore(method="innovation")),
    "rls": PairSpec("", "1s", Rls(window=WINDOW, prices="log")),
    "jobs": PairSpec("", "1s", Ols(window=WINDOW), jobs=(Newest(),)),
    "slow jobs": PairSpec("", "1s", Ols(window=WINDOW), jobs=(Slow(),)),
}


@pytest.mark.parametrize("name", SPECS)
@pytest.mark.parametrize("seed", range(2))
def test_pairs_in_a_group_make_the_points_of_each_alone(name: str, seed: int) -> None:
    world = World(SPECS[name], seed)
    for _ in range(3 * WORTH):
        world.add()
    seated = 0
    for number in range(BARS):
        world.step(number)
        if number > BARS // 2 and world.chance.random() < 0.05:
            world.drop()
            world.add()
        seated += sum(series.table is not None for _, series, _ in world.pairs.values())
    assert seated > BARS, "hardly any pair was in the table"


class Overwriting(Polyfit):
    """Fits many pairs, but writes into the closes that it is given, then fails."""

    def fit_many(self, y: FloatArray, x: FloatArray) -> quantd.HedgeColumns:
        y *= 2.0
        x[:] = 0.0
        raise ValueError


class Numeric(Polyfit):
    """Fits many pairs, but tells with numbers which of them have a hedge."""

    def fit_many(self, y: FloatArray, x: FloatArray) -> quantd.HedgeColumns:
        each = of_hedges([self.fit(y[:, p].copy(), x[:, p].copy()) for p in range(y.shape[1])])
        return replace(each, known=each.known.astype(np.int64))


class Unsolvable(Polyfit):
    """Fits many pairs, but returns numbers that are none."""

    def fit_many(self, y: FloatArray, x: FloatArray) -> quantd.HedgeColumns:
        return of_hedges([Hedge(np.nan, np.nan, len(y))] * y.shape[1])


class Short(Polyfit):
    """Fits many pairs, but not all."""

    def fit_many(self, y: FloatArray, x: FloatArray) -> quantd.HedgeColumns:
        return of_hedges([Hedge(0.0, 1.0, len(y))])


@pytest.mark.parametrize("regression", [Overwriting, Numeric, Unsolvable, Short])
def test_pairs_whose_regression_fits_many_wrongly_are_fitted_one_at_a_time(regression: type[Polyfit]) -> None:
    world = World(PairSpec("", "1s", regression(window=WINDOW)), 5)
    for _ in range(2 * WORTH):
        world.add()
    for number in range(BARS):
        world.step(number)
    assert any(series.table for _, series, _ in world.pairs.values())


def test_few_pairs_stay_alone() -> None:
    world = World(SPECS["ols"], 1)
    while len(world.pairs) < WORTH - 1:
        world.add()
    for number in range(4 * WINDOW):
        world.step(number)
    assert not any(series.table for _, series, _ in world.pairs.values())


def test_a_thousand_bars_keep_the_same_bits() -> None:
    world = World(SPECS["ols"], 3)
    for _ in range(2 * WORTH):
        world.add()
    for number in range(1_000):
        world.step(number)
    assert np.isfinite([series.last.spread for _, series, _ in world.pairs.values() if series.last]).all()
