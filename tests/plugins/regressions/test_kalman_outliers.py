"""Bad bars and breaks: what the Kalman filter must stand."""

import math
from functools import partial
from typing import Any

import numpy as np
import pytest
from scipy.signal import lfilter

from quantd.model import Hedge, Prices
from quantd.stats import FloatArray
from quantd.testing import fakes
from quantd_plugins.regressions.kalman import Kalman
from quantd_plugins.regressions.ols import Ols
from tests.plugins.regressions.support import present

WINDOW, BARS, AT = 60, 600, 250
FACTORS = [1.02, 1.05, 2.0, 1000.0, 1 / 1.02, 1 / 1.05, 1 / 2.0, 1 / 1000.0]
LEGS = pytest.mark.parametrize("leg", [0, 1], ids=["y", "x"])
Legs = tuple[FloatArray, FloatArray]


def tied(seed: int, price: float = 1_000.0, half_life: float = 5.0, n: int = BARS, share: float = 5e-4) -> Legs:
    """y = 0.02 price + 1.5 x + an autoregression whose standard deviation is a `share` of the price."""
    chance = np.random.default_rng(seed)
    x = price * np.exp(chance.normal(0.0, 5e-4, n).cumsum())
    phi = 0.5 ** (1.0 / half_life)
    deviation = lfilter([math.sqrt(1.0 - phi * phi)], [1.0, -phi], chance.normal(size=n + 200))[200:]
    return 0.02 * price + 1.5 * x + share * price * deviation, x


def spoilt(legs: Legs, leg: int, factor: float, at: int = AT, bad: int = 1) -> Legs:
    y, x = legs[0].copy(), legs[1].copy()
    (y, x)[leg][at : at + bad] *= factor
    return y, x


def logs(legs: Legs) -> Legs:
    return np.log(legs[0]), np.log(legs[1])


def rolled(legs: Legs, of: Kalman | Ols) -> list[Hedge]:
    return [present(hedge) for hedge in of.rolling(*legs)[of.window - 1 :]]


def betas(legs: Legs, of: Kalman | Ols) -> FloatArray:
    """Beta of each bar, that of bar t at t; NaN in the warm-up."""
    return np.concatenate([np.full(of.window - 1, np.nan), [hedge.beta for hedge in rolled(legs, of)]])


def scores(legs: Legs, beta: FloatArray) -> FloatArray:
    """z of the closes from AT + 121 on, each over its re-priced window."""
    y, x = legs
    spreads = [y[at - WINDOW + 1 : at + 1] - beta[at] * x[at - WINDOW + 1 : at + 1] for at in range(AT + 121, len(y))]
    return np.array([(spread[-1] - spread.mean()) / spread.std(ddof=1) for spread in spreads])


def assert_unmoved(clean: Legs, dirty: Legs, of: Kalman) -> None:
    """Beta within 1 %, and the same verdict in 98 % of bars, two windows later."""
    mine, theirs = betas(clean, of), betas(dirty, of)
    assert np.abs(theirs / mine - 1.0)[AT + 121 :].max() < 0.01
    assert np.mean((np.abs(scores(clean, mine)) > 2) == (np.abs(scores(dirty, theirs)) > 2)) >= 0.98


@LEGS
@pytest.mark.parametrize("price", [100.0, 1_000.0, 60_000.0])
@pytest.mark.parametrize("factor", FACTORS)
def test_one_bad_bar_changes_nothing_for_long(factor: float, price: float, leg: int) -> None:
    clean = tied(int(price), price)
    assert_unmoved(clean, spoilt(clean, leg, factor), Kalman(window=WINDOW))


@LEGS
@pytest.mark.parametrize("bad", [2, 6])
@pytest.mark.parametrize("factor", FACTORS)
def test_nor_do_several_in_a_row(factor: float, bad: int, leg: int) -> None:
    for seed in range(3):
        clean = tied(seed)
        assert_unmoved(clean, spoilt(clean, leg, factor, bad=bad), Kalman(window=WINDOW))


@LEGS
@pytest.mark.parametrize("prices", ["raw", "log"])
@pytest.mark.parametrize(
    "factors",
    [(1.05, 1.02, 1.1, 1.03, 1.07, 1.04), (1.02, 1.03, 1.04, 1.05, 1.06, 1.07), (1.1, 1.08, 1.06, 1.04, 1.02, 1.01), (0.9, 0.95) * 4],
    ids=["unlike", "rising", "falling", "two prices in turn"],
)
def test_nor_do_several_that_make_no_line(factors: tuple[float, ...], prices: Prices, leg: int) -> None:
    for seed in range(3):
        clean = tied(seed, 60_000.0 if seed else 1_000.0)
        dirty = clean[0].copy(), clean[1].copy()
        dirty[leg][AT : AT + len(factors)] *= factors
        if prices == "log":
            clean, dirty = logs(clean), logs(dirty)
        assert_unmoved(clean, dirty, Kalman(window=WINDOW, prices=prices))


@LEGS
@pytest.mark.parametrize("at", [3, 20, 57, 59, 62, 75])
@pytest.mark.parametrize("factor", [1.05, 1000.0, 1 / 1000.0])
def test_nor_does_one_in_the_warm_up(factor: float, at: int, leg: int) -> None:
    clean = tied(at)
    assert_unmoved(clean, spoilt(clean, leg, factor, at), Kalman(window=WINDOW))


@LEGS
@pytest.mark.parametrize("factor", [1.05, 1 / 1.05])
def test_nor_does_one_in_logs(factor: float, leg: int) -> None:
    clean = tied(4)
    assert_unmoved(logs(clean), logs(spoilt(clean, leg, factor)), Kalman(window=WINDOW, prices="log"))


@LEGS
def test_walks_are_learned_in_spite_of_a_bad_bar(leg: int) -> None:
    clean, of = tied(5), Kalman(window=WINDOW, walks="learned")
    assert_unmoved(clean, spoilt(clean, leg, 1.3, 30), of)
    assert_unmoved(clean, spoilt(clean, leg, 1.3), of)


def test_a_bad_x_does_not_turn_a_line_that_is_barely_known() -> None:
    """Beta may be so little known that no y is a surprise at an x far off."""
    shifts = []
    for seed in range(20):
        clean = tied(seed, half_life=20.0, share=5e-3)
        mine, theirs = (betas(legs, Kalman(window=WINDOW)) for legs in (clean, spoilt(clean, 1, 1.05, WINDOW + 10)))
        shifts.append(np.abs(theirs - mine)[WINDOW + 11 :].max())
    assert max(shifts) < 0.3


def stale(legs: Legs, leg: int, bars: int) -> Legs:
    y, x = legs[0].copy(), legs[1].copy()
    of = (y, x)[leg]
    of[AT : AT + bars] = of[AT]
    return y, x


@LEGS
@pytest.mark.parametrize("seed", range(3))
def test_a_price_that_is_stale_for_some_bars_passes(seed: int, leg: int) -> None:
    clean = tied(seed)
    assert_unmoved(clean, stale(clean, leg, 4), Kalman(window=WINDOW))


@LEGS
def test_one_that_is_stale_for_a_whole_window_harms_it_less_than_the_textbook(leg: int) -> None:
    shifts = []
    for seed in range(6):
        clean = tied(seed)
        for of in (Kalman(window=WINDOW), Kalman(window=WINDOW, clip=None)):
            mine, theirs = betas(clean, of), betas(stale(clean, leg, WINDOW), of)
            shifts.append(np.abs(theirs / mine - 1.0)[AT + 121 :].max())
    assert np.median(shifts[::2]) < 0.2 * np.median(shifts[1::2])


def test_the_textbook_is_led_astray() -> None:
    clean, of = tied(2), Kalman(window=WINDOW, clip=None)
    mine, theirs = betas(clean, of), betas(spoilt(clean, 0, 1.05), of)
    assert abs(theirs[AT + 121] / mine[AT + 121] - 1.0) > 0.02


def test_the_innovation_is_not_silenced() -> None:
    clean, of = tied(2), Kalman(window=WINDOW)
    mine, theirs = rolled(clean, of)[-200:], rolled(spoilt(clean, 0, 1000.0), of)[-200:]
    for one, other in zip(mine, theirs, strict=True):
        assert (other.innovation_std or 0.0) == pytest.approx(one.innovation_std, rel=0.05)


@pytest.mark.parametrize("sign", [1.0, -1.0])
@pytest.mark.parametrize("what", ["beta", "level"])
@pytest.mark.parametrize("half_life", [5.0, 20.0])
def test_a_break_is_followed(half_life: float, what: str, sign: float) -> None:
    ratios, worst = [], []
    for seed in range(6):
        y, x = tied(seed, half_life=half_life)
        true = 1.5 * (1.0 + 0.025 * sign) if what == "beta" else 1.5
        y[AT:] += (true - 1.5) * x[AT:] if what == "beta" else 30.0 * sign
        mine, least = (np.abs(betas((y, x), of) - true) for of in (Kalman(window=WINDOW), Ols(window=WINDOW)))
        ratios.append(mine[AT + 120 :].mean() / least[AT + 120 :].mean())
        worst.append(mine[AT : AT + 120].max())
    assert np.median(ratios) < 0.7
    assert max(ratios) < 2.0
    assert max(worst) < 0.3, "beta makes sense also while the new line is young"


def test_a_price_in_another_unit_is_a_break() -> None:
    y, x = tied(7)
    y[AT:] *= 1000.0
    assert betas((y, x), Kalman(window=WINDOW))[AT + 120 :] == pytest.approx(1500.0, rel=0.4)


def test_without_breaks_it_only_clips() -> None:
    y, x = tied(8)
    y[AT:] += 30.0
    weights = [hedge.weight for hedge in rolled((y, x), Kalman(window=WINDOW, breaks=0))][AT - WINDOW + 1 :]
    assert max(weights[:5]) < 1.0
    assert [hedge.weight < 1.0 for hedge in rolled((y, x), Kalman(window=WINDOW))][AT - WINDOW + 1 :][:4] == [True, True, False, False]


def test_the_weight_tells_how_far_off_a_bar_is() -> None:
    clean = tied(9)
    found = [rolled(spoilt(clean, 0, factor), Kalman(window=WINDOW))[AT - WINDOW + 1] for factor in (1.0, 1.01, 1.1)]
    assert found[0].weight == 1.0
    for hedge in found[1:]:
        off = score_of(hedge)
        assert hedge.weight == pytest.approx((4.0 / off) ** 2, rel=1e-9)
    assert rolled(spoilt(clean, 1, 1.1), Kalman(window=WINDOW))[AT - WINDOW + 1].weight == 0.0


def score_of(hedge: Hedge) -> float:
    return (hedge.innovation or 0.0) / (hedge.innovation_std or 0.0)


@pytest.mark.parametrize("seed", range(5))
def test_on_normal_noise_it_is_the_textbook(seed: int) -> None:
    legs = fakes.legs(1_000, seed=seed)
    mine, theirs = rolled(legs, Kalman(window=WINDOW)), rolled(legs, Kalman(window=WINDOW, clip=None))
    assert sum(hedge.weight < 1.0 for hedge in mine) <= 3
    assert [hedge.beta for hedge in mine[500:]] == pytest.approx([hedge.beta for hedge in theirs[500:]], rel=2e-3)


def test_where_nothing_is_out_of_line_it_is_the_textbook_to_the_last_bit() -> None:
    mine, theirs = (rolled(tied(14), Kalman(window=WINDOW, clip=clip)) for clip in (50.0, None))
    assert mine == theirs


def test_the_noise_is_learned_after_quiet() -> None:
    """Prices that hardly move, and then do: what was learned of them is too little."""
    y, x = tied(10, n=1_500)
    y, x = np.concatenate([y[0] + 1e-4 * (y[:200] - y[0]), y]), np.concatenate([x[0] + 1e-4 * (x[:200] - x[0]), x])
    mine, theirs = (rolled((y, x), Kalman(window=WINDOW, clip=clip)) for clip in (4.0, None))
    assert mine[-1].innovation_std == pytest.approx(theirs[-1].innovation_std, rel=0.2)
    assert np.mean([hedge.weight < 1.0 for hedge in mine[-500:]]) < 0.01


def test_noise_that_grows_is_learned() -> None:
    chance = np.random.default_rng(11)
    x = 1_000.0 * np.exp(chance.normal(0.0, 5e-4, 2_000).cumsum())
    y = 1.5 * x + np.repeat([0.01, 0.3], 1_000) * chance.normal(size=2_000)
    found = rolled((y, x), Kalman(window=WINDOW))
    assert np.mean([hedge.weight < 1.0 for hedge in found[-500:]]) < 0.01
    assert found[-1].innovation_std == pytest.approx(0.3, rel=0.3)


SPOILT: dict[str, Any] = {
    "one bad y": partial(spoilt, leg=0, factor=1.05),
    "six bad x": partial(spoilt, leg=1, factor=1.05, bad=6),
    "bad y that make no line": lambda legs: (
        np.where(np.arange(BARS) // 7 == AT // 7, legs[0] * (1.0 + 0.01 * (np.arange(BARS) % 5)), legs[0]),
        legs[1],
    ),
    "a break": lambda legs: (legs[0] + 30.0 * (np.arange(BARS) >= AT), legs[1]),
}


@pytest.mark.parametrize("name", SPOILT)
@pytest.mark.parametrize("after", range(9))
def test_a_restart_anywhere_gives_the_same_bits(after: int, name: str) -> None:
    y, x = (leg.tolist() for leg in SPOILT[name](tied(12)))
    whole, before, later = Kalman(window=WINDOW), Kalman(window=WINDOW), Kalman(window=WINDOW)
    wanted = [whole.update(at, y[at], x[at]) for at in range(BARS)]
    for at in range(AT + after):
        before.update(at, y[at], x[at])
    state = before.state()
    assert state is not None
    later.resume(state)
    assert [later.update(at, y[at], x[at]) for at in range(AT + after, BARS)] == wanted[AT + after :]


def test_the_state_is_short_again_after_a_run() -> None:
    y, x = (leg.tolist() for leg in spoilt(tied(13), 0, 1.05))
    of, sizes = Kalman(window=WINDOW), []
    for at in range(BARS):
        of.update(at, y[at], x[at])
        sizes.append(len(of.state() or b""))
    assert sizes[AT] > sizes[AT + 1] == sizes[AT - 1] < 250


RECORDED = bytes.fromhex(
    """
    8dedb5a0f7c6b03e7b14ae47e17a843f270000000000000000000000000044400000000000804240000000000000f03f00000000000024400000000000002440
    3584d3bb9f4a3440e8393eaa59fc3340836a0313097cc23f586730f988e7cbbfd6416f1a63d3f73f84380465717e2140a01d8d694258f33f8e2d83ffdeedb53f
    eeaca2a5b02d963f9cd8899dd8890d400000000000002c4000000000000000400000000000000000000000000000f03f00000000000000000000000000000000
    000000000000004000000000000000000000000000c041400000000000002a40000000000000f03f000000000000f03f00000000008042400000000000002c40
    000000000000f03f000000000000f03f00000000000024400000000000002440d4af15335c46344023105cd01ce7334029a51098b9d8c13f7e09c5d5e07bccbf
    35c094465dcbf73f0000000000002a40aea1bc86f21a0e404a239d6bf834af3f0000000000004240
    """
)
"""What a filter of a window of 12 left after 40 bars, in a run of two bars that are out of line."""


def test_a_state_that_an_earlier_version_recorded_goes_on() -> None:
    resumed = Kalman(window=12)
    resumed.resume(RECORDED)
    assert resumed.state() == RECORDED
    hedge = resumed.update(40, 31.0, 13.0)
    assert hedge
    assert (hedge.n, hedge.alpha, hedge.beta) == (41, 0.2450279259338508, 2.0081640083942203)
    assert (hedge.innovation, hedge.innovation_std, hedge.weight) == (4.71277720337168, 0.3718964915074854, 0.0996346333966414)
