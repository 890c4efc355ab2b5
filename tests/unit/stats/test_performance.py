"""What a run comes to, against numpy by the definitions, and where a number has no meaning."""

import math
from itertools import pairwise

import numpy as np
import pytest

from quantd.stats.backtest import Outcome, Rules, simulate
from quantd.stats.performance import drawdown, max_drawdown, profit_factor, sharpe, summarise
from tests.unit.stats.test_backtest import random_market


def test_the_sharpe_ratio_is_that_of_the_definition() -> None:
    equity = np.cumsum(np.random.default_rng(0).normal(1.0, 5.0, 400))
    returns = [(after - before) / 1000.0 for before, after in pairwise(equity.tolist())]
    mean = math.fsum(returns) / len(returns)
    variance = math.fsum((each - mean) ** 2 for each in returns) / (len(returns) - 1)
    value, why = sharpe(equity, 1000.0, 525_600.0)
    assert why == ""
    assert value == pytest.approx(mean / math.sqrt(variance) * math.sqrt(525_600.0), rel=1e-12)


def test_it_does_not_depend_on_the_notional() -> None:
    equity = np.cumsum(np.random.default_rng(1).normal(1.0, 5.0, 50))
    assert sharpe(equity, 10.0, 365.0)[0] == pytest.approx(sharpe(equity, 1e6, 365.0)[0])


@pytest.mark.parametrize(
    ("equity", "why"),
    [
        (np.zeros(100), "no variance"),
        (np.arange(100.0), "no variance"),
        (0.1 * np.arange(100.0), "no variance"),
        (np.array([]), "fewer than 30 returns"),
        (np.array([1.0]), "fewer than 30 returns"),
        (np.random.default_rng(0).normal(size=30), "fewer than 30 returns"),
    ],
)
def test_where_a_sharpe_ratio_says_nothing(equity: np.ndarray, why: str) -> None:
    assert sharpe(equity, 1000.0, 365.0) == (None, why)


def test_the_deepest_fall_is_the_widest_of_all_pairs() -> None:
    equity = np.cumsum(np.random.default_rng(3).normal(0.0, 1.0, 200))
    highs = [0.0, *equity.tolist()]
    slowly = max(high - low for number, low in enumerate(equity) for high in highs[: number + 2])
    assert max_drawdown(equity) == pytest.approx(slowly)
    assert (drawdown(equity) >= 0).all()


def test_a_loss_from_the_start_is_a_fall() -> None:
    assert max_drawdown(np.array([-1.0, -3.0])) == 3.0
    assert max_drawdown(np.array([])) == 0.0


def test_profit_factor() -> None:
    assert profit_factor([-1.0, -2.0]) == (0.0, "")
    assert profit_factor([1.0]) == (None, "no losing trade")
    assert profit_factor([]) == (None, "no trades")


def test_no_trades_have_no_ratios_but_a_reason() -> None:
    made = summarise(simulate(random_market(0, 50), Rules(entry=99.0)), Rules(), 365.0)
    assert (made.trades, made.net, made.max_drawdown, made.turnover, made.exposure) == (0, 0.0, 0.0, 0.0, 0.0)
    missing = {name for name in made.__struct_fields__ if getattr(made, name) is None}
    assert missing == set(made.reasons) == {"hit_rate", "average_net", "average_bars", "profit_factor", "sharpe"}
    assert set(made.reasons.values()) == {"no trades"}


def test_no_bars_have_no_exposure() -> None:
    made = summarise(Outcome([], np.array([]), 0, 0, 0.0), Rules(), 365.0)
    assert made.exposure is None
    assert made.reasons["exposure"] == "no bars"


def test_the_sums_are_those_of_the_trades() -> None:
    run = simulate(random_market(5, 300), Rules(stop=3.0, slippage_bps=2.0))
    made = summarise(run, Rules(), 365.0)
    assert made.trades == made.targets + made.stops + made.open_at_end == len(run.trips) > 10
    assert made.net == pytest.approx(made.gross - made.fees - made.slippage)
    assert made.net == pytest.approx(run.equity[-1])
    assert made.hit_rate == sum(trip.net > 0 for trip in run.trips) / len(run.trips)
    bought = sum(abs(t.y_units) * (t.y_entry + t.y_exit) + abs(t.x_units) * (t.x_entry + t.x_exit) for t in run.trips)
    assert made.turnover == pytest.approx(bought / 1000.0)
    assert made.exposure == run.held / 300
