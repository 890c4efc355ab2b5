"""The trading rules: by hand, against a slow reading of the rules, and without a look ahead."""

import math
from collections.abc import Sequence
from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quantd.stats.backtest import Market, Outcome, Rules, simulate
from quantd.stats.funding import Funding
from quantd.stats.performance import Span, summarise
from quantd.stats.positions import units
from quantd.timeframes import DAY

NAN = math.nan
FREE = Rules(fee_bps=0.0)


def market(
    zscore: Sequence[float],
    y: Sequence[float] | None = None,
    x: Sequence[float] | None = None,
    *,
    beta: Sequence[float] | float = 2.0,
    alpha: Sequence[float] | float = 0.0,
    std: Sequence[float] | float = 0.4,
    y_close: Sequence[float] | None = None,
    x_close: Sequence[float] | None = None,
    signals: Sequence[bool] | None = None,
    fills: Sequence[bool] | None = None,
    index: Sequence[int] | None = None,
    elastic: bool = False,
    funding: Funding | None = None,
    traded: Sequence[bool] | None = None,
) -> Market:
    """`y` and `x` are the opens, and the closes too unless told."""
    n = len(zscore)
    y, x = y or [100.0] * n, x or [50.0] * n
    hedge = [np.broadcast_to(np.array(each, dtype=float), n) for each in (beta, alpha, std)]
    return Market(
        np.array(y, dtype=float),
        np.array(x, dtype=float),
        np.array(y_close or y, dtype=float),
        np.array(x_close or x, dtype=float),
        np.array(zscore, dtype=float),
        hedge[0],
        hedge[1],
        hedge[2],
        np.ones(n, bool) if signals is None else np.array(signals),
        np.ones(n, bool) if fills is None else np.array(fills),
        np.arange(n) if index is None else np.array(index),
        elastic,
        funding,
        None if traded is None else np.array(traded),
    )


def entries(run: Outcome) -> list[tuple[int, int, int, str]]:
    return [(trip.side, trip.opened, trip.closed, trip.reason) for trip in run.trips]


def test_every_number_of_two_trades_by_hand() -> None:
    """A thousand: 5 y at 100 against 10 x at 50. Costs of 10 + 10 bps."""
    seen = market(
        [0.0, -2.5, -1.0, 0.5, 2.0, 2.1, 2.2],
        [99.0, 100.0, 100.0, 101.0, 104.0, 100.0, 100.0],
        [50.0, 50.0, 50.0, 50.5, 51.0, 50.0, 50.0],
        y_close=[99.5, 100.0, 102.0, 103.0, 104.0, 101.0, 98.0],
        x_close=[50.0, 50.0, 50.5, 51.0, 51.0, 50.0, 49.5],
        beta=[2.0, 2.0, 9.0, 9.0, 2.0, 9.0, 9.0],
    )
    run = simulate(seen, Rules(entry=2.0, fee_bps=10.0, slippage_bps=10.0, notional=1000.0))
    first, second = run.trips
    # Signal at row 1, bought at the open of row 2: 5 y at 100, -10 x at 50. Left: z 0.5 at row 3, at the open of row 4: 104 and 51.
    assert (first.side, first.opened, first.closed, first.bars, first.reason) == (1, 2, 4, 2, "target")
    assert (first.zscore, first.beta, first.y_units, first.x_units) == (-2.5, 2.0, 5.0, -10.0)
    assert (first.y_entry, first.x_entry, first.y_exit, first.x_exit) == (100.0, 50.0, 104.0, 51.0)
    assert first.gross == 5 * 4 - 10 * 1 == 10.0
    assert first.fees == first.slippage == pytest.approx(0.001 * (1000 + 5 * 104 + 10 * 51))
    assert first.net == pytest.approx(10 - 2 * 2.03)
    # At row 1 y - 2 x is 0 and z -2.5 in units of 0.4: the middle is 1. At row 3, whose close decides the exit, y - 2 x is 103 - 102.
    assert (first.zscore_held, first.spread_held) == (pytest.approx(0.0, abs=1e-12), 1.0)
    # Signal at row 4, sold at the open of row 5: -5 y at 100, 10 x at 50; closed at the last close, 98 and 49.5.
    assert (second.side, second.opened, second.closed, second.bars, second.reason) == (-1, 5, 6, 2, "end")
    assert (second.y_units, second.x_units) == (-5.0, 10.0)
    assert second.gross == 5 * 2 - 10 * 0.5 == 5.0
    assert second.fees == pytest.approx(0.001 * (1000 + 5 * 98 + 10 * 49.5))
    # At row 4 y - 2 x is 2 and z 2.0: the middle is 1.2. At the last close it is 98 - 99.
    assert (second.zscore_held, second.spread_held) == (pytest.approx(-5.5), -1.0)
    assert run.zscore_held.tolist() == pytest.approx([NAN, NAN, 0.0, 0.0, NAN, (101 - 100 - 1.2) / 0.4, -5.5], abs=1e-12, nan_ok=True)
    # Equity at closes: nothing; entry costs 2; row 2 +10-5; row 3 +15-10; row 4 net 5.94; row 5 -5 and 2 more; row 6 the end.
    by_hand = [0.0, 0.0, -2 + 10 - 5, -2 + 15 - 10, 5.94, 5.94 - 2 - 5, 5.94 + 5 - 2 * 1.985]
    assert run.equity.tolist() == pytest.approx(by_hand)
    assert (run.held, run.lapsed) == (4, 0)
    made = summarise(run, Rules(fee_bps=10.0, slippage_bps=10.0), Span(0, 60_000 * np.arange(1, 8)))
    assert (made.trades, made.targets, made.stops, made.open_at_end) == (2, 1, 0, 1)
    assert made.net == pytest.approx(6.97)
    assert made.net_percent == pytest.approx(0.697)
    assert (made.hit_rate, made.profit_factor, made.average_bars) == (1.0, None, 2.0)
    assert made.average_net == pytest.approx(3.485)
    assert made.max_drawdown == pytest.approx(7.0)  # from 5.94 down to -1.06
    assert made.max_drawdown_percent == pytest.approx(0.7)
    assert made.turnover == pytest.approx((1000 + 1030 + 1000 + 985) / 1000)
    assert made.exposure == pytest.approx(4 / 7)
    assert made.sharpe is None
    assert made.break_even_bps == pytest.approx(1e4 * 15 / 4015)
    short = dict.fromkeys(("sharpe", "sharpe_stderr", "probabilistic_sharpe"), "fewer than 30 days")
    unknown = dict.fromkeys(("funding", "funding_missing"), "no rates of both legs")
    assert made.reasons == {"profit_factor": "no losing trade"} | short | unknown


@pytest.mark.parametrize(
    ("rules", "zscores", "wanted"),
    [
        pytest.param(FREE, [2.0, 0.0, 0.0], [(-1, 1, 2, "target")], id="entry and exit at the very level"),
        pytest.param(FREE, [-2.0, -0.01, 0.0, 9.0], [(1, 1, 3, "target")], id="a long leaves at z >= -exit"),
        pytest.param(FREE, [0, 0, 2.5], [], id="the last signal is not filled"),
        pytest.param(FREE, [2.5, 2.5, 2.5], [(-1, 1, 2, "end")], id="open at the end"),
        pytest.param(FREE, [2.5, NAN, NAN, -0.1, 0], [(-1, 1, 4, "target")], id="no z-score, no decision"),
        pytest.param(FREE, [NAN, NAN, NAN], [], id="no z-score at all"),
        pytest.param(FREE, [-2.5, 0.0, 2.5, 0.0, 0.0], [(1, 1, 2, "target"), (-1, 3, 4, "target")], id="both sides"),
        pytest.param(FREE, [-2.5, 2.5, 0.0, 0.0], [(1, 1, 2, "target"), (-1, 2, 3, "target")], id="turned round at one open"),
        pytest.param(
            Rules(stop=4.0),
            [2.5, 4.0, 3.0, 3.0, 1.9, 2.5, 0.0, 0.0],
            [(-1, 1, 2, "stop"), (-1, 6, 7, "target")],
            id="after a stop nothing before z is within the entry",
        ),
        pytest.param(Rules(stop=4.0), [-2.5, -4.0, -3.0, 2.5, 0, 0], [(1, 1, 2, "stop")], id="not on the other side either"),
        pytest.param(Rules(stop=4.0), [2.5, -5.0, 0.0], [(-1, 1, 2, "target")], id="a stop is against the position, no entry beyond it"),
        pytest.param(Rules(stop=4.0), [4.0, 3.0, 0.0, 0.0], [(-1, 2, 3, "target")], id="beyond the stop none is opened"),
        pytest.param(Rules(exit=1.0), [2.5, 1.5, 1.0, 0.0], [(-1, 1, 3, "target")], id="exit at 1"),
        pytest.param(Rules(exit=-1.0), [2.5, 0.0, -1.0, 0.0], [(-1, 1, 3, "target")], id="exit beyond the middle"),
    ],
)
def test_when_it_trades(rules: Rules, zscores: list[float], wanted: list[tuple[int, int, int, str]]) -> None:
    assert entries(simulate(market(zscores), rules)) == wanted


HELD = [101.0, 101.0, 101.0, 100.0, 100.0, 100.0]
"""Closes of y whose own z, sold at 2.5 with y - 2 x at 1, is 2.5 for three bars and then 0."""
GIVEN_UP = [101.0, 101.0, 102.0, 102.0, 102.0, 102.0, 102.0]
"""The same, but 5 from row 2 on."""


@pytest.mark.parametrize(
    ("rules", "zscores", "y", "wanted"),
    [
        pytest.param(FREE, [2.5, 0, 0, 0, 0, 0], HELD, [(-1, 1, 4, "target")], id="stays in until its own spread is back"),
        pytest.param(FREE, [-2.5, 0, 0, 0, 0, 0], [99, 99, 99, 100, 100, 100], [(1, 1, 4, "target")], id="bought likewise"),
        pytest.param(FREE, [2.5, NAN, NAN, NAN, NAN, NAN], HELD, [(-1, 1, 4, "target")], id="leaves without a z-score of now"),
        pytest.param(FREE, [2.5, -2.5, -2.5, -1, 0, 0], HELD, [(-1, 1, 4, "target")], id="not turned round before it is back"),
        pytest.param(
            FREE, [2.5, 2.5, 2.5, 2.5, 2.5, 2.5], HELD, [(-1, 1, 4, "target"), (-1, 4, 5, "end")], id="opened anew with the hedge of now"
        ),
        pytest.param(Rules(stop=4.0), [2.5, 1, 1, 1, 1, 1, 1], GIVEN_UP, [(-1, 1, 3, "stop")], id="stopped by its own"),
        pytest.param(Rules(stop=4.0), [2.5, 4.5, 4.5, 1, 1, 1], HELD, [(-1, 1, 4, "target")], id="not stopped by that of now"),
        pytest.param(Rules(stop=4.0), [2.5, 2.5, 2.5, 2.5, 1, 2.5, 2.5], GIVEN_UP, [(-1, 1, 3, "stop"), (-1, 6, 6, "end")], id="barred"),
        pytest.param(
            Rules(stop=4.0),
            [2.5, 1, 1, 2.5, 2.5, 1, 1],
            GIVEN_UP,
            [(-1, 1, 3, "stop"), (-1, 4, 6, "end")],
            id="not barred where z was back",
        ),
        pytest.param(
            Rules(stop=4.0), [2.5, 1, NAN, 2.5, 1, 2.5, 0], GIVEN_UP, [(-1, 1, 3, "stop"), (-1, 6, 6, "end")], id="barred without a z-score"
        ),
    ],
)
def test_when_it_trades_by_what_it_holds(
    rules: Rules, zscores: list[float], y: list[float], wanted: list[tuple[int, int, int, str]]
) -> None:
    assert entries(simulate(market(zscores, y), msgspec.structs.replace(rules, hold=True))) == wanted


def test_what_the_record_lacks_is_time() -> None:
    """Bars 0, 1, 2, 13, 14: a trade over the hole was held for 13 bars of 15, though the record has three of them."""
    run = simulate(market([2.5, 1.0, 1.0, 0.0, 0.0], index=[100, 101, 102, 113, 114]), FREE)
    assert entries(run) == [(-1, 1, 4, "target")]
    assert (run.trips[0].bars, run.held, run.spanned) == (13, 13, 15)
    made = summarise(run, FREE, Span(0, DAY * np.array([1, 2, 3, 14, 15])))
    assert (made.bars, made.days, made.average_bars, made.exposure) == (5, 15.0, 13.0, pytest.approx(13 / 15))


def funding(y: Sequence[float], x: Sequence[float], known: Sequence[int], missing: Sequence[int]) -> Funding:
    return Funding(np.array(y, float), np.array(x, float), np.array(known), np.array(missing))


def test_funding_falls_on_what_is_held_until_the_open() -> None:
    """Sold at row 1: -5 y and 10 x, left at row 4. Due at its own open: not yet. At row 3: 5 * 0.2 received and 10 * 0.03 paid. At row 4,
    where it is left: 5 * 0.1 received. After that nothing is held."""
    carried = funding([0, 9, 0, 0.2, 0.1, 9], [0, 9, 0, 0.03, 0, 9], [0, 1, 0, 1, 1, 1], [0, 1, 0, 0, 2, 1])
    run = simulate(market([2.5, 1.0, 1.0, 0.0, 0.0, 0.0], funding=carried), FREE)
    (trip,) = run.trips
    assert (trip.opened, trip.closed, trip.funding_missing) == (1, 4, 2)
    assert trip.funding == pytest.approx(5 * 0.2 - 10 * 0.03 + 5 * 0.1)
    assert trip.net == pytest.approx(trip.funding)
    assert run.equity.tolist() == pytest.approx([0.0, 0.0, 0.0, 0.7, 1.2, 1.2])
    made = summarise(run, FREE, Span(0, 60_000 * np.arange(1, 7)))
    assert (made.funding, made.funding_missing, made.gross) == (pytest.approx(1.2), 2, 0.0)
    assert made.break_even_bps == pytest.approx(1e4 * 1.2 / 2000)
    assert "funding" not in made.reasons


@pytest.mark.parametrize(
    ("known", "missing", "wanted"),
    [
        ([0, 0, 0, 0], [0, 0, 0, 0], (0.0, 0)),
        ([0, 0, 1, 0], [0, 0, 0, 1], (-5.0, 1)),
        ([0, 0, 0, 0], [0, 0, 1, 0], (None, 1)),
        (None, None, (None, None)),
    ],
)
def test_funding_that_is_not_known_is_never_nothing(
    known: list[int] | None, missing: list[int] | None, wanted: tuple[float | None, int | None]
) -> None:
    """Bought: 5 y, -10 x."""
    carried = None if known is None or missing is None else funding([0, 0, known[2], 0], [0] * 4, known, missing)
    run = simulate(market([-2.5, -1.0, -1.0, 0.0], funding=carried), FREE)
    (trip,) = run.trips
    made = summarise(run, FREE, Span(0, 60_000 * np.arange(1, 5)), "BBB")
    assert (trip.funding, trip.funding_missing) == (made.funding, made.funding_missing) == wanted
    assert trip.net == made.net == run.equity[-1] == (wanted[0] or 0.0)
    why = None if wanted[0] is not None else "no rates of BBB" if known is None else "no rates of the times that were due"
    assert made.reasons.get("funding") == why


def test_without_a_unit_there_is_no_entry() -> None:
    assert entries(simulate(market([2.5, 2.5, 2.5, 2.5], std=[NAN, 0.0, 0.4, 0.4]), FREE)) == [(-1, 3, 3, "end")]


@pytest.mark.parametrize("hold", [False, True])
def test_an_exit_by_what_is_held_is_decided_and_filled_on_any_bar(hold: bool) -> None:
    sound = [True, True, False, False, True, True]
    run = simulate(market([2.5, 1, 1, 0 if not hold else 1, 0, 0], HELD, signals=sound, fills=sound), Rules(hold=hold))
    assert entries(run) == [(-1, 1, 4, "target")]


def test_nothing_is_decided_or_filled_on_bars_that_are_not_sound() -> None:
    zscores = [2.5, 2.5, 0.0, 0.0]
    late = simulate(market(zscores, signals=[False, True, True, True]), FREE)
    assert (entries(late), late.lapsed) == ([(-1, 2, 3, "target")], 0)
    lapsed = simulate(market(zscores, fills=[True, False, True, True]), FREE)
    assert (entries(lapsed), lapsed.lapsed) == ([(-1, 2, 3, "target")], 1)
    left = simulate(market([2.5, 0.0, 0.0], signals=[True, False, False], fills=[True, True, False]), FREE)
    assert entries(left) == [(-1, 1, 2, "target")], "an exit is not kept from being filled"


def test_what_is_decided_waits_for_a_bar_in_which_both_legs_trade() -> None:
    """An exit is kept, also where the z-score is stretched again by then; an entry is not."""
    zscores, y = [2.5, 2.5, 0.0, 1.0, 1.0, 1.0], [100.0, 100.0, 101.0, 102.0, 103.0, 104.0]
    late = simulate(market(zscores, y, traded=[True, False, True, False, False, True]), FREE)
    assert (entries(late), late.lapsed) == ([(-1, 2, 5, "target")], 1)
    assert (late.trips[0].y_exit, late.trips[0].bars) == (104.0, 3)
    assert late.trips[0].spread_held == y[2] - 2.0 * 50.0, "of the close that decided it"
    never = simulate(market(zscores, traded=[True, True, True, False, False, False]), FREE)
    assert entries(never) == [(-1, 1, 5, "end")]


def test_without_a_beta_there_is_no_entry() -> None:
    assert entries(simulate(market([2.5, 2.5, 2.5], beta=[NAN, 2.0, 2.0]), FREE)) == [(-1, 2, 2, "end")]


def test_a_beta_of_logarithms_is_one_of_values() -> None:
    seen = market([-2.5, -1.0, 0.0, 0.0], [100, 100, 110, 110], [50, 50, 55, 55], beta=1.5, elastic=True)
    (trip,) = simulate(seen, FREE).trips
    assert (trip.y_units * trip.y_entry, trip.x_units * trip.x_entry) == (400.0, -600.0)
    assert trip.gross == pytest.approx(0.1 * 400 - 0.1 * 600)


def test_dollar_sizing_by_hand() -> None:
    """500 of each leg: 5 y at 100 against 10 x at 50, whatever beta is; on one side where beta is below 0, and none where it is 0."""
    rules = Rules(fee_bps=0.0, sizing="dollar")
    for beta, wanted in ((3.0, (5.0, -10.0)), (0.2, (5.0, -10.0)), (-3.0, (5.0, 10.0)), (1e-9, (5.0, -10.0))):
        for elastic in (False, True):
            (trip,) = simulate(market([-2.5, -1.0, 0.0, 0.0], beta=beta, elastic=elastic), rules).trips
            assert (trip.y_units, trip.x_units) == wanted
    assert simulate(market([-2.5, -1.0, 0.0, 0.0], beta=0.0), rules).trips == []
    (alone,) = simulate(market([-2.5, -1.0, 0.0, 0.0], beta=0.0), FREE).trips
    assert (alone.y_units, alone.x_units) == (10.0, 0.0)


@given(
    beta=st.floats(-1e6, 1e6).filter(bool),
    y=st.floats(1e-6, 1e6),
    x=st.floats(1e-6, 1e6),
    side=st.sampled_from([1, -1]),
    elastic=st.booleans(),
)
def test_dollar_sizing_is_the_same_value_in_both_legs(beta: float, y: float, x: float, side: int, elastic: bool) -> None:
    y_units, x_units = units(side, beta, y, x, 1000.0, elastic=elastic, sizing="dollar")
    assert y_units * y == pytest.approx(side * 500.0)
    assert x_units * x == pytest.approx(-side * math.copysign(500.0, beta))


@pytest.mark.parametrize("elastic", [False, True])
@given(
    beta=st.floats(-1e6, 1e6), y=st.floats(1e-6, 1e6), x=st.floats(1e-6, 1e6), notional=st.floats(1e-3, 1e9), side=st.sampled_from([1, -1])
)
def test_a_position_is_worth_the_notional_in_the_ratio_of_beta(
    elastic: bool, beta: float, y: float, x: float, notional: float, side: int
) -> None:
    y_units, x_units = units(side, beta, y, x, notional, elastic=elastic)
    assert abs(y_units) * y + abs(x_units) * x == pytest.approx(notional, rel=1e-9)
    ratio = x_units * x / y if elastic else x_units
    assert ratio == pytest.approx(-beta * y_units, rel=1e-9)


# --- against a slow reading of the rules ---------------------------------------------------------------------------------------------


TOLD = ("side", "opened", "closed", "reason", "uy", "ux", "y0", "x0", "y1", "x1", "zscore_held", "spread_held")


def own_zscores(seen: Market, row: int) -> tuple[np.ndarray, np.ndarray]:
    """Of a position that is decided at this row, at every close: its z-score, and its spread."""
    y, x = (np.log(closes) if seen.elastic else closes for closes in (seen.y_close, seen.x_close))
    spread = y - seen.beta[row] * x
    middle = spread[row] - seen.zscore[row] * seen.std[row]
    return (spread - middle) / seen.std[row], spread - seen.alpha[row]


def slowly(seen: Market, rules: Rules) -> tuple[list[dict[str, Any]], list[float]]:
    """The same from the statement of the rules: each trade is searched for, each equity summed over all trades."""
    n, z = len(seen.zscore), seen.zscore
    found, row, clear_after = [], 0, -1
    while row + 1 < n:
        beyond = rules.stop is not None and abs(z[row]) >= rules.stop
        barred = clear_after >= 0 and not any(abs(z[k]) < rules.entry for k in range(clear_after, row + 1))
        if not (abs(z[row]) >= rules.entry) or beyond or barred or not seen.signals[row] or not math.isfinite(seen.beta[row]):
            row += 1
            continue
        if not seen.fills[row + 1]:
            row += 1
            continue
        side, opened = (-1 if z[row] > 0 else 1), row + 1
        decided, reason = n, "end"
        own, spread = own_zscores(seen, row)
        judged = own if rules.hold else z
        for k in range(opened, n - 1):
            if rules.stop is not None and -side * judged[k] >= rules.stop:
                decided, reason = k, "stop"
                break
            if -side * judged[k] <= rules.exit:
                decided, reason = k, "target"
                break
        y0, x0 = seen.y_open[opened], seen.x_open[opened]
        wy, wx = (1, abs(seen.beta[row])) if seen.elastic else (y0, abs(seen.beta[row]) * x0)
        if rules.sizing == "dollar":
            wy = wx = 1
        uy = side * rules.notional * wy / (wy + wx) / y0
        ux = -side * math.copysign(1, seen.beta[row]) * rules.notional * wx / (wy + wx) / x0
        closed = min(decided + 1, n - 1)
        y1, x1 = (seen.y_close[-1], seen.x_close[-1]) if reason == "end" else (seen.y_open[closed], seen.x_open[closed])
        last = min(decided, n - 1)
        told = (side, opened, closed, reason, uy, ux, y0, x0, y1, x1, own[last], spread[last])
        found.append(dict(zip(TOLD, told, strict=True)))
        clear_after = decided if reason == "stop" else clear_after
        row = n if reason == "end" else decided
    rate = (rules.fee_bps + rules.slippage_bps) / 1e4
    equity = []
    for k in range(n):
        total = 0.0
        for t in found:
            if t["opened"] > k:
                continue
            total -= rate * (abs(t["uy"]) * t["y0"] + abs(t["ux"]) * t["x0"])
            done = t["closed"] <= k and (t["reason"] != "end" or k == n - 1)
            y, x = (t["y1"], t["x1"]) if done else (seen.y_close[k], seen.x_close[k])
            total += t["uy"] * (y - t["y0"]) + t["ux"] * (x - t["x0"])
            total -= rate * (abs(t["uy"]) * y + abs(t["ux"]) * x) * done
        equity.append(total)
    return found, equity


def random_market(seed: int, n: int, *, elastic: bool = False) -> Market:
    rng = np.random.default_rng(seed)
    y, x = (price * np.exp(np.cumsum(rng.normal(0, 0.01, (2 * n)))) for price in (100.0, 50.0))
    zscore = rng.normal(0, 2.2, n)
    zscore[rng.random(n) < 0.1] = NAN
    beta = rng.normal(1.5, 1.0, n)
    beta[rng.random(n) < 0.05] = NAN
    sound = rng.random(n) < 0.9, rng.random(n) < 0.9
    alpha, std = rng.normal(0, 5.0, n), rng.uniform(0.005, 0.03, n) * (1.0 if elastic else 100.0)
    return Market(y[::2], x[::2], y[1::2], x[1::2], zscore, beta, alpha, std, *sound, np.arange(n), elastic)


RULES = st.builds(
    lambda entry, share, stop, fee, slip, hold, sizing: Rules(
        **{"entry": entry, "exit": share * entry, "stop": stop and entry + stop, "hold": hold, "sizing": sizing},
        fee_bps=fee,
        slippage_bps=slip,
        notional=500.0,
    ),
    entry=st.floats(0.5, 4.0),
    share=st.floats(-0.9, 0.9),
    stop=st.none() | st.floats(0.1, 3.0),
    fee=st.sampled_from([0.0, 5.0, 100.0]),
    slip=st.sampled_from([0.0, 3.0]),
    hold=st.booleans(),
    sizing=st.sampled_from(["beta", "dollar"]),
)
SEEDS, SIZES = st.integers(0, 10_000), st.integers(0, 80)


@settings(max_examples=150)
@given(seed=SEEDS, n=SIZES, rules=RULES, elastic=st.booleans())
def test_it_is_what_the_rules_say(seed: int, n: int, rules: Rules, elastic: bool) -> None:
    seen = random_market(seed, n, elastic=elastic)
    run = simulate(seen, rules)
    trips, equity = slowly(seen, rules)
    assert entries(run) == [(t["side"], t["opened"], t["closed"], t["reason"]) for t in trips]
    assert [trip.y_units for trip in run.trips] == pytest.approx([t["uy"] for t in trips])
    assert [trip.x_units for trip in run.trips] == pytest.approx([t["ux"] for t in trips])
    for name in ("zscore_held", "spread_held"):
        assert [getattr(trip, name) for trip in run.trips] == pytest.approx([t[name] for t in trips], rel=1e-9, abs=1e-9)
    assert run.held == sum(t["closed"] - t["opened"] + (t["reason"] == "end") for t in trips)
    assert run.equity.tolist() == pytest.approx(equity, abs=1e-9)
    assert sum(trip.net for trip in run.trips) == pytest.approx(equity[-1] if equity else 0.0, abs=1e-9)


@settings(max_examples=60)
@given(seed=SEEDS, n=st.integers(2, 60), rules=RULES, data=st.data())
def test_the_future_changes_no_trade_before_it(seed: int, n: int, rules: Rules, data: st.DataObject) -> None:
    """From the close of bar `cut` on, all is another market: trades, fills and equity before stay to the last bit."""
    cut = data.draw(st.integers(0, n - 1))
    one, other = random_market(seed, n), random_market(seed + 1, n)
    spliced: dict[str, Any] = {
        name: np.concatenate((getattr(one, name)[:cut], getattr(other, name)[cut:])) for name in Market.__struct_fields__[:-3]
    }
    for opens in ("y_open", "x_open", "fills"):
        spliced[opens][cut] = getattr(one, opens)[cut]
    before, after = simulate(one, rules), simulate(Market(**spliced), rules)
    assert [trip for trip in before.trips if trip.closed <= cut and trip.reason != "end"] == [
        trip for trip in after.trips if trip.closed <= cut and trip.reason != "end"
    ]
    opened = [[(trip.side, trip.opened, trip.y_units) for trip in run.trips if trip.opened <= cut] for run in (before, after)]
    assert opened[0] == opened[1]
    assert before.equity[: min(cut, n - 1)].tolist() == after.equity[: min(cut, n - 1)].tolist()


@settings(max_examples=40)
@given(seed=SEEDS, n=SIZES, rules=RULES, more=st.floats(0.1, 50.0))
def test_fees_only_take(seed: int, n: int, rules: Rules, more: float) -> None:
    seen = random_market(seed, n)
    cheap, dear = (simulate(seen, rule) for rule in (rules, msgspec.structs.replace(rules, fee_bps=rules.fee_bps + more)))
    assert entries(cheap) == entries(dear)
    assert [trip.gross for trip in cheap.trips] == [trip.gross for trip in dear.trips]
    assert all(one.net > other.net for one, other in zip(cheap.trips, dear.trips, strict=True))
    assert (cheap.equity - dear.equity >= -1e-9).all()


@settings(max_examples=40)
@given(seed=SEEDS, n=st.integers(1, 80), rules=RULES)
def test_without_costs_the_trades_are_the_equity(seed: int, n: int, rules: Rules) -> None:
    free = msgspec.structs.replace(rules, fee_bps=0.0, slippage_bps=0.0)
    run = simulate(random_market(seed, n), free)
    assert math.fsum(trip.gross for trip in run.trips) == pytest.approx(run.equity[-1], abs=1e-9)


@given(seed=SEEDS, n=SIZES)
def test_an_entry_out_of_reach_never_trades(seed: int, n: int) -> None:
    run = simulate(random_market(seed, n), Rules(entry=1e9))
    assert (run.trips, run.equity.tolist(), run.held, run.traded) == ([], [0.0] * n, 0, 0.0)


@pytest.mark.parametrize(
    ("wrong", "text"),
    [
        ({"entry": 0.0}, "entry: expected a number above 0, found 0"),
        ({"entry": math.inf}, "entry: expected"),
        ({"stop": math.inf}, "stop: expected"),
        ({"entry": NAN}, "entry: expected a number above 0, found nan"),
        ({"exit": 2.0}, r"exit: expected a number between -2 and 2 \(entry\), found 2"),
        ({"exit": -3.0}, "exit: expected"),
        ({"exit": NAN}, "exit: expected"),
        ({"stop": 2.0}, r"stop: expected a number above 2 \(entry\), found 2"),
        ({"stop": NAN}, "stop: expected"),
        ({"fee_bps": -1.0}, "fee_bps: expected a number from 0 to 9999, found -1"),
        ({"slippage_bps": math.inf}, "slippage_bps: expected"),
        ({"notional": 0.0}, "notional: expected"),
        ({"notional": math.inf}, "notional: expected"),
        ({"sizing": "wild"}, "sizing: expected one of beta, dollar, found 'wild'"),
    ],
)
def test_rules_that_make_no_sense_are_refused(wrong: dict[str, Any], text: str) -> None:
    with pytest.raises(ValueError, match=f"^{text}"):
        Rules(**wrong)
