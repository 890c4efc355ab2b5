"""What a run comes to, against numpy by the definitions, and where a number has no meaning."""

import numpy as np
import pytest

from quantd.stats.backtest import Outcome, Rules, simulate
from quantd.stats.performance import Span, drawdown, max_drawdown, profit_factor, summarise
from tests.unit.stats.test_backtest import random_market

MINUTE, HOUR = 60_000, 3_600_000


def bars(n: int, step: int = MINUTE) -> Span:
    return Span(0, step * np.arange(1, n + 1))


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
    made = summarise(simulate(random_market(0, 50), Rules(entry=99.0)), Rules(), bars(50))
    assert (made.trades, made.net, made.max_drawdown, made.turnover, made.exposure) == (0, 0.0, 0.0, 0.0, 0.0)
    missing = {name for name in made.__struct_fields__ if getattr(made, name) is None}
    assert (
        missing
        == set(made.reasons)
        == {
            *("hit_rate", "average_net", "average_bars", "profit_factor", "break_even_bps"),
            *("sharpe", "sharpe_stderr", "probabilistic_sharpe", "funding", "funding_missing"),
        }
    )
    assert {why for name, why in made.reasons.items() if "funding" not in name} == {"no trades"}


def test_no_bars_have_no_exposure() -> None:
    made = summarise(Outcome([], np.array([]), np.array([]), 0, 0.0, False, 0), Rules(), bars(0))
    assert made.exposure is None
    assert made.reasons["exposure"] == "no bars"


def test_the_sums_are_those_of_the_trades() -> None:
    run = simulate(random_market(8, 300), Rules(stop=3.0, slippage_bps=2.0))
    made = summarise(run, Rules(), bars(300))
    assert made.trades == made.targets + made.stops + made.open_at_end == len(run.trips) > 10
    assert made.net == pytest.approx(made.gross - made.fees - made.slippage)
    assert made.net == pytest.approx(run.equity[-1])
    assert made.hit_rate == sum(trip.net > 0 for trip in run.trips) / len(run.trips)
    bought = sum(abs(t.y_units) * (t.y_entry + t.y_exit) + abs(t.x_units) * (t.x_entry + t.x_exit) for t in run.trips)
    assert made.turnover == pytest.approx(bought / 1000.0)
    assert made.exposure == run.held / 300
    assert made.same_side == sum(trip.beta < 0 for trip in run.trips) > 0


def test_costs_of_the_break_even_leave_nothing() -> None:
    seen = random_market(7, 300)
    even = summarise(simulate(seen, Rules(stop=3.0)), Rules(), bars(300)).break_even_bps
    assert even is not None
    assert even > 1.0
    run = simulate(seen, Rules(stop=3.0, fee_bps=0.75 * even, slippage_bps=0.25 * even))
    assert summarise(run, Rules(), bars(300)).net == pytest.approx(0.0, abs=1e-9)


def test_a_sharpe_ratio_needs_thirty_trades_in_thirty_days() -> None:
    run = simulate(random_market(5, 800), Rules(stop=3.0))
    found = {step: summarise(run, Rules(), bars(800, step)) for step in (HOUR, MINUTE)}
    assert (found[HOUR].days, found[MINUTE].days) == (pytest.approx(800 / 24), pytest.approx(800 / 1440))
    assert found[HOUR].trades > 30
    assert found[HOUR].sharpe is not None
    assert found[HOUR].reasons.keys().isdisjoint({"sharpe", "sharpe_stderr", "probabilistic_sharpe"})
    assert found[MINUTE].sharpe is None
    assert {found[MINUTE].reasons[name] for name in ("sharpe", "sharpe_stderr", "probabilistic_sharpe")} == {"fewer than 30 days"}
