"""A pair that reverts, as bars and the points that a pipeline would make of them."""

import numpy as np
import pytest

from quantd.backtest import Settings
from quantd.clock import EventClock
from quantd.flow.pairs import PairSpec, analyse
from quantd.model import Bar, Spread
from quantd.plugin.guard import Guard
from quantd.plugin.regression import Regression
from quantd.services.analytics import PairPast
from quantd.stats.backtest import Rules
from quantd.stats.zscore import ZScore
from quantd.testing.fakes import START, walk
from quantd_plugins.regressions.ols import Ols

MINUTE = 60_000
PLAIN = ZScore()
WINDOW = 20
SETTINGS = Settings(pair="AAA-BBB", every="1m", window=WINDOW, regression="ols", rules=Rules())


def bars(symbol: str, closes: list[float], opens: list[float] | None = None) -> list[Bar]:
    """Bars of a minute; each opens at the close before unless told."""
    opens = opens or [closes[0], *closes[:-1]]
    columns = enumerate(zip(opens, closes, strict=True))
    return [Bar(symbol, "1m", START + MINUTE * k, o, max(o, c), min(o, c), c, 1.0, 1, c, 0.5, "complete") for k, (o, c) in columns]


def past(n: int = 400, seed: int = 0, regression: Regression | None = None, zscore: ZScore = PLAIN, spread: Spread = "hedge") -> PairPast:
    """Bars of two legs, y reverting to 5 + 2 x, and their points."""
    rng = np.random.default_rng(seed)
    x, noise = walk(n, seed=seed), np.zeros(n)
    for k in range(1, n):
        noise[k] = 0.9 * noise[k - 1] + rng.normal(0, 0.1)
    y_bars, x_bars = bars("AAA", (5 + 2 * x + noise).tolist()), bars("BBB", x.tolist())
    return of_bars(y_bars, x_bars, regression or Ols(window=WINDOW), zscore, spread)


def of_bars(y_bars: list[Bar], x_bars: list[Bar], regression: Regression, zscore: ZScore = PLAIN, spread: Spread = "hedge") -> PairPast:
    spec = PairSpec("AAA-BBB", "1m", regression, zscore, spread=spread)
    points = analyse(y_bars, x_bars, spec, lambda plugin, user: Guard("regression", "ols", EventClock()))
    return PairPast(y_bars, x_bars, points)


@pytest.fixture(scope="session")
def reverting() -> PairPast:
    return past()
