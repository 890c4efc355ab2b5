"""The z-scores of a pair, whole series of them, against code that knows nothing of sums that are kept."""

import itertools
from functools import partial
from typing import Any

import msgspec
import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from scipy.stats import median_abs_deviation

from quantd.clock import EventClock
from quantd.flow.pairs import PairSeries, PairSpec
from quantd.model import Against, PairPoint, Prices, Spread, ZMethod
from quantd.plugin.base import Plugin
from quantd.plugin.guard import Guard
from quantd.plugin.regression import Regression
from quantd.stats import FloatArray
from quantd.stats.zscore import ZScore
from quantd.testing import fakes
from quantd_plugins.regressions.fixed import GivenHedge
from quantd_plugins.regressions.huber import Huber
from quantd_plugins.regressions.kalman import Kalman
from quantd_plugins.regressions.ols import Ols
from quantd_plugins.regressions.quantile import Quantile
from quantd_plugins.regressions.ridge import Ridge
from quantd_plugins.regressions.rls import Rls
from quantd_plugins.regressions.theil_sen import TheilSen
from quantd_plugins.regressions.tls import Tls

DAWN = 1_700_000_000_000
N = 160


def guards(plugin: Plugin, user: str) -> Guard:
    return Guard("any", user, EventClock())


def legs(seed: int = 1, *, halflife: float = 5.0, price: float = 1000.0) -> tuple[FloatArray, FloatArray]:
    """y = 50 + 1.5 x + a deviation that halves in some bars."""
    rng = np.random.default_rng(seed)
    x = price * np.exp(rng.normal(0.0, 5e-4, N).cumsum())
    phi, deviation = 0.5 ** (1.0 / halflife), [0.0]
    for shock in rng.normal(0.0, 5e-4 * price, N - 1):
        deviation.append(phi * deviation[-1] + shock)
    return 50.0 + 1.5 * x + np.array(deviation), x


bars = partial(fakes.flat_bars, every="1s", start=DAWN)


def points(regression: Regression, zscore: ZScore, y: FloatArray, x: FloatArray, spread: Spread = "hedge") -> dict[int, PairPoint]:
    """By number of the bar."""
    made = PairSeries(PairSpec("Y-X", "1s", regression, zscore, spread=spread), guards, 0).add(bars(y, symbol="Y"), bars(x, symbol="X"))
    return {(point.ts - DAWN) // 1000: point for point in made}


def test_the_default_is_the_last_residual_of_one_fit_a_window() -> None:
    y, x = legs()
    found = points(Ols(window=20), ZScore(), y, x)
    assert min(found) == 19
    for at, point in found.items():
        residuals = sm.OLS(y[at - 19 : at + 1], sm.add_constant(x[at - 19 : at + 1])).fit().resid
        assert point.zscore == pytest.approx(residuals[-1] / residuals.std(ddof=1), rel=1e-9, abs=1e-9)


def level(method: ZMethod, spreads: FloatArray) -> tuple[float, float]:
    if method == "ew":
        ewm = pd.Series(spreads).ewm(halflife=len(spreads) / 4)
        return float(ewm.mean().iloc[-1]), float(ewm.std().iloc[-1])
    if method == "robust":
        return float(np.median(spreads)), float(median_abs_deviation(spreads, scale="normal"))
    return float(spreads.mean()), float(spreads.std(ddof=1))


CASES = list(itertools.product(["window", "ew", "robust"], ["now", "before"], [20, 12, 33]))


@pytest.mark.parametrize(("method", "against", "z"), CASES)
@pytest.mark.parametrize("prices", ["raw", "log"])
@pytest.mark.parametrize("spread", ["hedge", "residual"])
@pytest.mark.parametrize(
    "regression", [Ols(window=20), TheilSen(window=20), GivenHedge(window=20, beta=1.4, alpha=3.0)], ids=lambda each: type(each).__name__
)
def test_every_gauge_equals_its_definition(
    method: ZMethod, against: Against, z: int, prices: Prices, spread: Spread, regression: Regression
) -> None:
    y, x = legs()
    regression = type(regression)(**{name: getattr(regression, name) for name in regression.__struct_fields__} | {"prices": prices})
    found = points(regression, ZScore(method=method, against=against, window=z), y, x, spread)
    assert min(found) == 19, "a point is there as soon as the hedge is"
    if prices == "log":
        y, x = np.log(y), np.log(x)
    first = max(20, z) - 1 + (against == "before")
    for at, point in found.items():
        if at < first:
            assert (point.zscore, point.reason) == (None, "warming")
            continue
        of = at - (against == "before")
        beta = found[of].hedge.beta
        mean, std = level(method, y[of + 1 - z : of + 1] - beta * x[of + 1 - z : of + 1])
        assert point.zscore == pytest.approx((y[at] - beta * x[at] - mean) / std, rel=1e-9, abs=1e-9)
        assert point.spread_mean is not None
        assert point.spread_std == pytest.approx(std, rel=1e-9)
        assert (point.spread - point.spread_mean) / point.spread_std == pytest.approx(point.zscore, rel=1e-9, abs=1e-9)
        assert point.spread == y[at] - point.hedge.beta * x[at] - (point.hedge.alpha if spread == "residual" else 0.0)


def bound(seed: int, lively: float) -> tuple[FloatArray, FloatArray]:
    """Legs that move by one or two ticks of 0.01 now and then, y mostly along with x."""
    rng = np.random.default_rng(seed)
    up_y, up_x = rng.choice([-2, -1, 1, 2], (2, N)) * (rng.random((2, N)) < lively)
    x = np.round(50.0 + 0.01 * up_x.cumsum(), 2)
    return np.round(100.0 + 2.0 * (x - 50.0) + 0.01 * up_y, 2), x


METHODS = [Ols, Huber, TheilSen, Quantile, Tls, Ridge, Kalman, Rls]


@pytest.mark.parametrize("lively", [0.03, 0.1, 0.4])
@pytest.mark.parametrize("prices", ["raw", "log"])
@pytest.mark.parametrize("method", METHODS, ids=lambda each: each.__name__)
def test_the_robust_z_of_prices_bound_to_ticks_is_none_or_of_the_size_of_the_plain_one(
    method: type[Regression], prices: Prices, lively: float
) -> None:
    spread: Spread = "residual" if lively == 0.1 else "hedge"
    y, x = bound(int(100 * lively), lively)
    regression = method(window=20, prices=prices)
    kinds: list[tuple[Any, Any]] = [("window", "now"), ("robust", "now"), ("robust", "before")]
    plain, robust, before = (points(regression, ZScore(method=kind, against=against), y, x, spread) for kind, against in kinds)
    for at, point in robust.items():
        if point.zscore is None:
            assert point.reason == "flat"
            continue
        assert plain[at].spread_std
        assert plain[at].spread_std / 20.0 < point.spread_std < 3.0 * plain[at].spread_std
        assert abs(point.zscore) < 60.0
        assert at == N - 1 or before[at + 1].spread_std == point.spread_std, "with what the now-cast after it is scored with"


def test_before_is_the_nowcast_at_the_close() -> None:
    y, x = legs(2)
    spec = PairSpec("Y-X", "1s", Ols(window=20), ZScore(against="before"))
    live = PairSeries(spec, guards, 0)
    live.add(bars(y, symbol="Y")[:-1], bars(x, symbol="X")[:-1])
    now = live.nowcast(DAWN, float(y[-1]), float(x[-1]))
    (point,) = live.add(bars(y, symbol="Y")[-1:], bars(x, symbol="X")[-1:])
    assert now is not None
    assert now.zscore == point.zscore


def test_rolling_takes_spreads_that_each_have_their_own_beta() -> None:
    y, x = legs(3)
    found = points(Ols(window=20), ZScore(method="rolling"), y, x)
    spreads = np.array([point.spread for point in found.values()])
    assert [point.reason for point in found.values()][18:20] == ["warming", None]
    last = spreads[-20:]
    assert list(found.values())[-1].zscore == pytest.approx((last[-1] - last.mean()) / last.std(ddof=1), rel=1e-9)


def test_an_innovation_says_where_the_spread_was_expected() -> None:
    y, x = legs(4)
    for spread in ("hedge", "residual"):
        for point in points(Kalman(window=20), ZScore(method="innovation"), y, x, spread).values():
            assert point.hedge.innovation is not None
            assert point.hedge.innovation_std is not None
            assert point.spread_mean is not None
            assert point.zscore == pytest.approx(point.hedge.innovation / point.hedge.innovation_std, rel=1e-9, abs=1e-9)
            assert point.spread - point.spread_mean == pytest.approx(point.hedge.innovation, rel=1e-9, abs=1e-9)


def test_a_window_that_is_longer_than_the_hedges_is_covered_whole() -> None:
    y, x = (bars(leg, symbol=name) for name, leg in zip(("Y", "X"), legs(5), strict=True))
    y[70] = msgspec.structs.replace(y[70], vwap=None, quality="gap")
    made = PairSeries(PairSpec("Y-X", "1s", Ols(window=10), ZScore(window=40)), guards, 0).add(y, x)
    doubted = [(point.ts - DAWN) // 1000 for point in made if point.coverage < 1.0]
    assert doubted == list(range(70, 110)), "the z-score stands on 40 closes"


@pytest.mark.parametrize("window", [2, 3, 10, 60])
@pytest.mark.parametrize("method", ["window", "ew", "robust"])
@pytest.mark.parametrize("regression", ["ols", "theil-sen", "kalman"])
def test_a_leg_that_is_a_line_of_the_other_has_no_z_score(window: int, method: ZMethod, regression: str) -> None:
    rng = np.random.default_rng(window)
    x = np.round(1000.0 * np.exp(rng.normal(0.0, 5e-4, N).cumsum()), 2)
    kind: Any = {"ols": Ols, "theil-sen": TheilSen, "kalman": Kalman}[regression]
    for y in (3.0 * x, 0.1 * x + 7.0):
        found = points(kind(window=window), ZScore(method=method), y, x)
        assert found
        assert {(point.zscore, point.reason) for point in found.values()} <= {(None, "flat"), (None, "warming")}


@pytest.mark.parametrize("window", [2, 3, 20])
def test_a_line_of_the_other_leg_has_no_rolling_z_score_either(window: int) -> None:
    rng = np.random.default_rng(window)
    for price in (1e-5, 100.0, 60_000.0):
        x = np.array([float(f"{value:.6g}") for value in price * np.exp(rng.normal(0.0, 5e-4, N).cumsum())])
        found = points(Ols(window=window), ZScore(method="rolling"), 3.0 * x, x)
        assert {point.zscore for point in found.values()} == {None}


def test_a_price_that_all_but_vanishes_is_a_return_like_any() -> None:
    y, x = legs(6)
    y[80] = 1e-300
    found = points(Ols(window=20), ZScore(), y, x)
    assert len(found) == N - 19
    assert all(point.corr_returns is not None and -1.0 <= point.corr_returns <= 1.0 for point in found.values())


def test_where_the_last_bar_has_no_hedge_there_is_no_nowcast() -> None:
    y, x = legs(7)
    x[100:] = x[100]
    live = PairSeries(PairSpec("Y-X", "1s", Ols(window=20), ZScore()), guards, 0)
    live.add(bars(y, symbol="Y")[:110], bars(x, symbol="X")[:110])
    assert live.nowcast(DAWN, float(y[109]), float(x[109])) is not None
    live.add(bars(y, symbol="Y")[110:], bars(x, symbol="X")[110:])
    assert live.nowcast(DAWN, float(y[-1]), float(x[-1])) is None
