"""Columns of Kalman filters against each filter alone, to the last bit."""

from collections import Counter
from contextlib import nullcontext

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from quantd.stats.columns.kalman import FEW, KalmanColumns
from quantd.stats.columns.line import scales
from quantd.stats.kalman import LEAST_LOG
from quantd.stats.steadfast import PLAIN, FilterSettings
from tests.unit.stats.columns.bars import bars
from tests.unit.stats.columns.both import PAIRS, Both

WALKS = [(1e-6, 1e-2), (0.0, 0.0), (1e-3, 1e-4), (0.0, 1.0)]
EITHER = st.sampled_from
settings = st.builds(
    FilterSettings,
    prior=EITHER([1e18, 1e6]),
    least_scale=EITHER([0.0, LEAST_LOG]),
    noise=EITHER([None, None, 1e-4]),
    memory=EITHER([480, 20, 1 << 62]),
    clip=EITHER([4.0, 4.0, 2.0, 0.5, None]),
    breaks=EITHER([3, 3, 1, 2, 0]),
    patience=EITHER([60, 5]),
)


def both(settings: FilterSettings, few: int) -> Both:
    columns = KalmanColumns(settings, few)

    def walks(name: int) -> tuple[float, float]:
        return WALKS[name % len(WALKS)]

    return Both(columns, lambda name: settings.filter(*walks(name)), lambda p, name: columns.put_walks(p, *walks(name)))


@given(settings, st.integers(0, 1 << 32), EITHER([0, 0, FEW]))
def test_columns_are_the_filters(settings: FilterSettings, seed: int, few: int) -> None:
    chance = np.random.default_rng(seed)
    made = bars(chance, 120, PAIRS, log=settings.least_scale > 0.0)
    pairs = both(settings, few)
    for at in range(len(made.y)):
        pairs.go_on(chance, made, at)
        pairs.assert_same(chance)


@pytest.mark.parametrize("pairs", [1, 3, 1000])
def test_any_number_of_columns_gives_the_same_bits(pairs: int) -> None:
    settings = FilterSettings(memory=480)
    made = bars(np.random.default_rng(pairs), 60, pairs)
    columns, which = KalmanColumns(settings, few=0), np.arange(pairs)
    alone = [settings.filter(*WALKS[0]) for _ in range(pairs)]
    for _ in alone:
        columns.put_walks(columns.add(), *WALKS[0])
    for y, x in zip(*made, strict=True):
        columns.step(which, y, x, np.ones(pairs, np.int64))
        for one, *pair in zip(alone, y.tolist(), x.tolist(), strict=True):
            one.step(*pair)
    assert [columns.values(p) for p in which.tolist()] == [one.values() for one in alone]


def test_the_made_bars_lead_everywhere() -> None:
    """Filters go through all that is done one at a time, often enough to be tested."""
    seen: Counter[str] = Counter()
    for seed in range(5):
        made = bars(np.random.default_rng(seed), 120, PAIRS)
        for y, x in zip(made.y.T.tolist(), made.x.T.tolist(), strict=True):
            one = FilterSettings(memory=480, patience=20).filter(*WALKS[0])
            for pair in zip(y, x, strict=True):
                one.step(*pair)
                _, _, _, tries, missed, _, suspended, loose, *_ = one.values()[PLAIN:]
                seen.update(tries=tries > 0.0, missed=missed > 0.0, old=suspended > 0.0, loose=loose > 0.0)
                seen.update(clipped=0.0 < one.weight < 1.0, left_out=one.weight == 0.0)
    assert min(seen[name] for name in ("tries", "missed", "old", "loose", "clipped", "left_out")) > 20


def test_a_column_keeps_an_old_line_only_for_as_long_as_its_filter() -> None:
    settings = FilterSettings(memory=480, patience=20)
    made = bars(np.random.default_rng(2), 400, PAIRS)
    pairs = both(settings, 0)
    lengths = set()
    for at in range(400):
        pairs.go_on(np.random.default_rng(at), made, at)
        pairs.assert_same(np.random.default_rng(at))
        lengths |= {len(state) for state in pairs.columns.packed(np.arange(len(pairs.names)))}
    assert len(lengths) > 3


@pytest.mark.parametrize("few", [0, 100])
def test_an_error_of_one_filter_is_raised_after_all_others_were_stepped(few: int) -> None:
    """The square of a step of x overflows in one column, whose bar is then left out."""
    settings = FilterSettings(memory=480)
    made = bars(np.random.default_rng(3), 60, PAIRS)
    columns, which, one = KalmanColumns(settings, few), np.arange(PAIRS), np.ones(PAIRS, np.int64)
    alone = [settings.filter(*WALKS[0]) for _ in range(PAIRS)]
    for _ in alone:
        columns.put_walks(columns.add(), *WALKS[0])
    for at, (y, x) in enumerate(zip(*made, strict=True)):
        broken = at in (40, 41)
        x[5] = 1e200 if broken else x[5]
        with pytest.raises(OverflowError) if broken else nullcontext():
            columns.step(which, y, x, one)
        for p, pair in enumerate(zip(y.tolist(), x.tolist(), strict=True)):
            if not (broken and p == 5):
                alone[p].step(*pair)
        assert [columns.values(p) for p in which.tolist()] == [each.values() for each in alone]


@pytest.mark.parametrize("least_scale", [0.0, LEAST_LOG, 3.0])
def test_scales_are_those_of_a_line(least_scale: float) -> None:
    x = np.random.default_rng(0).normal(size=20_000) * 10.0 ** np.random.default_rng(1).uniform(-8.0, 8.0, 20_000)
    x[:2] = 0.0, -0.0
    assert scales(x, least_scale).tolist() == [unit(value, least_scale) for value in x.tolist()]


def unit(x: float, least_scale: float) -> float:
    """The unit of a line that begins at x."""
    one = FilterSettings(least_scale=least_scale).filter(0.0, 0.0)
    one.step(1.0, x)
    return one.values()[4]
