"""The Sharpe ratio of a run by days, against pandas, scipy and statsmodels, and where it says nothing."""

import math
from statistics import NormalDist

import numpy as np
import pytest

from quantd.stats.sharpe import LEAST_DAYS, LEAST_TRADES, Sharpe, daily_changes, sharpe, sharpe_of_run, variance_of_ratio
from quantd.timeframes import DAY, HOUR

START = 1_767_225_600_000
YEAR = 365.0


def run(days: float, seed: int = 0, start: int = START, step: int = HOUR) -> tuple[np.ndarray, np.ndarray]:
    """Equity and closes of bars round the clock."""
    n = int(days * DAY / step)
    return np.cumsum(np.random.default_rng(seed).normal(0.1, 5.0, n)), start + step * np.arange(1, n + 1)


def scaled(changes: np.ndarray) -> tuple[np.ndarray, float]:
    return (changes - changes.mean()) / changes.std(ddof=1), changes.mean() / changes.std(ddof=1)


@pytest.mark.parametrize("start", [START, START + 7 * HOUR])
def test_days_are_those_of_pandas(start: int) -> None:
    pandas = pytest.importorskip("pandas")
    equity, closed = run(40.3, start=start)
    keep = np.ones(len(equity), bool)
    keep[100:220] = False
    equity, closed = equity[keep], closed[keep]
    last = pandas.Series(equity, pandas.to_datetime(closed - 1, unit="ms")).resample("1D").last().ffill()
    assert daily_changes(equity, start, closed).tolist() == pytest.approx(np.diff(last, prepend=0.0).tolist())


def test_a_close_at_midnight_is_of_the_day_that_ends() -> None:
    assert daily_changes(np.array([1.0, 4.0]), START, START + np.array([DAY, 2 * DAY])).tolist() == [1.0, 3.0]


def test_days_without_a_bar_changed_nothing_and_count() -> None:
    closed = START + DAY * np.array([1, 2, 6, 7])
    assert daily_changes(np.array([1.0, 2.0, 7.0, 9.0]), START, closed).tolist() == [1.0, 1.0, 0.0, 0.0, 0.0, 5.0, 2.0]


@pytest.mark.parametrize("begin", [0, 6])
def test_the_ratio_is_that_of_the_definition(begin: int) -> None:
    """Of whole days the factor is the root of 365; of parts it is such that a year holds as many as were counted in the time."""
    start = START + begin * HOUR
    equity, closed = run(100, start=start)
    changes = daily_changes(equity, start, closed)
    found = sharpe_of_run(equity, start, closed, 100)
    assert len(changes) == (101 if begin else 100)
    deviation = math.sqrt(math.fsum((each - changes.mean()) ** 2 for each in changes) / (len(changes) - 1))
    assert found.ratio == pytest.approx(changes.mean() / deviation * math.sqrt(YEAR * len(changes) / 100))
    assert found.reason == ""


def test_it_does_not_depend_on_the_money() -> None:
    equity, closed = run(60)
    one, other = (sharpe_of_run(scale * equity, START, closed, 50) for scale in (1.0, 1e-3))
    assert [getattr(one, name) for name in ("ratio", "stderr", "probability")] == pytest.approx(
        [getattr(other, name) for name in ("ratio", "stderr", "probability")]
    )


def test_a_hole_takes_time() -> None:
    """The same changes in twice the time: the ratio of a year is less by the root of 2, or a little more for what days without change add
    to the deviation."""
    equity, closed = run(100, seed=3)
    apart = closed + np.where(np.arange(len(closed)) >= 50 * 24, 100 * DAY, 0)
    whole, holed = (sharpe_of_run(equity, START, times, 100) for times in (closed, apart))
    assert whole.ratio is not None
    assert holed.ratio is not None
    assert holed.ratio / whole.ratio == pytest.approx(1 / math.sqrt(2), rel=0.02)


def test_without_what_follows_it_is_the_variance_of_mertens() -> None:
    """Where neighbours speak against each other it is not made smaller."""
    stats = pytest.importorskip("scipy.stats")
    wave = np.random.default_rng(1).gamma(1.0, 1.0, 400) * np.tile([1.0, -1.0], 200) + 0.6
    z, ratio = scaled(wave)
    skew, kurtosis = stats.skew(z), stats.kurtosis(z, fisher=False)
    wanted = 1 - skew * ratio + (kurtosis - 1) / 4 * ratio**2
    assert wanted > 1.1
    assert variance_of_ratio(z, ratio) == pytest.approx(wanted, rel=0.01)


def test_with_what_follows_it_is_that_of_statsmodels() -> None:
    api = pytest.importorskip("statsmodels.api")
    chance = np.random.default_rng(2)
    trend = np.convolve(chance.exponential(1.0, 500), np.ones(6))[5:-5]
    z, ratio = scaled(trend - 5.0)
    influence = z - ratio / 2 * (z**2 - 1)
    lags = int(4 * (len(z) / 100) ** (2 / 9))
    fit = api.OLS(influence, np.ones(len(z))).fit(cov_type="HAC", cov_kwds={"maxlags": lags, "use_correction": False})
    assert fit.bse[0] ** 2 * len(z) > 2.0
    assert variance_of_ratio(z, ratio) == pytest.approx(fit.bse[0] ** 2 * len(z), rel=1e-3)


def test_it_is_never_surer_than_of_a_ratio_of_0() -> None:
    """Three large gains among many days without: skewness says that the ratio is known well, and it is not."""
    changes = np.zeros(200)
    changes[[20, 90, 150]] = 5.0, 9.0, 3.0
    z, ratio = scaled(changes)
    assert float(np.square(z - ratio / 2 * (z**2 - 1)).mean()) < 0.7
    assert variance_of_ratio(z, ratio) == 1.0


def test_the_probability_is_that_of_a_ratio_above_0() -> None:
    for seed in range(5):
        found = sharpe(np.random.default_rng(seed).normal(0.1, 1.0, 90), YEAR)
        assert found.ratio is not None
        assert found.stderr is not None
        assert found.probability == pytest.approx(NormalDist().cdf(found.ratio / found.stderr))
        assert found.stderr >= math.sqrt(YEAR / 90)
    against = sharpe(-np.random.default_rng(0).normal(0.1, 1.0, 90), YEAR).probability
    assert against == pytest.approx(1 - sharpe(np.random.default_rng(0).normal(0.1, 1.0, 90), YEAR).probability)


@pytest.mark.parametrize(
    ("days", "trades", "why"),
    [
        (LEAST_DAYS, LEAST_TRADES, ""),
        (LEAST_DAYS - 1 / 24, 500, "fewer than 30 days"),
        (500, LEAST_TRADES - 1, "fewer than 30 trades"),
        (500, 0, "no trades"),
    ],
)
def test_it_needs_time_and_trades(days: float, trades: int, why: str) -> None:
    equity, closed = run(days)
    found = sharpe_of_run(equity, START, closed, trades)
    assert found.reason == why
    assert (found.ratio is None) == (found.stderr is None) == (found.probability is None) == bool(why)


@pytest.mark.parametrize("changes", [np.zeros(50), np.full(50, 0.1), np.full(50, -1e9)])
def test_what_does_not_vary_has_none(changes: np.ndarray) -> None:
    assert sharpe(changes, YEAR) == Sharpe(reason="no variance")
