"""The known truth: determinism of the prices, and the laws that they were promised to follow."""

import asyncio

import numpy as np
import pytest

from quantd.simulator.market import DAY_MS, DAY_S, Market, Reverting
from quantd.simulator.scenario import load

from .support import EPOCH, HOUR_MS, exchange

DAY = EPOCH // DAY_MS


def test_days_meet_at_midnight() -> None:
    process = Reverting(("a",), 2.0, 900)
    assert process.during(DAY)[-1] == pytest.approx(process.during(DAY + 1)[0], abs=1e-9)


def test_a_seed_is_a_market() -> None:
    scenario, times = load("demo"), np.arange(EPOCH, EPOCH + 5000, 7)
    first, again, other = (Market(scenario, seed).mid("BTCUSDT", times) for seed in (1, 1, 2))
    assert (first == again).all()
    assert (first != other).all()


@pytest.mark.parametrize("halflife", [600.0, 7200.0])
def test_the_bridge_keeps_the_law_of_the_process(halflife: float) -> None:
    every = 20
    days = np.array([Reverting(("law", seed), 2.0, halflife).during(DAY)[::every] for seed in range(200)])
    lag = int(halflife) // every
    assert days.std() == pytest.approx(2.0, rel=0.07)
    assert np.corrcoef(days[:, :-lag].ravel(), days[:, lag:].ravel())[0, 1] == pytest.approx(0.5, abs=0.05)
    steps = np.diff(days).std(axis=0)  # no seam: the bridge pulls nowhere harder than the process itself moves
    assert steps.max() < 1.5 * steps.mean()


def test_a_day_of_a_leader_has_its_volatility() -> None:
    process = Reverting(("vol",), 0.03 / np.sqrt(1 - 2**-0.2), 10 * DAY_S)
    moves = np.diff([process.at_midnight(DAY + i) for i in range(400)])
    assert moves.std() == pytest.approx(0.03, rel=0.15)


@pytest.fixture(scope="module")
def closes() -> dict[str, np.ndarray]:
    """Closes of the last 48 h in ticks, a minute each."""
    listings = exchange().listings
    start = EPOCH - 48 * HOUR_MS
    names = ("BTCUSDT", "ETHUSDT", "SOLUSDT", "AVAXUSDT")
    bars = {name: asyncio.run(listings[name].bars(60_000, start, None, 2880)) for name in names}
    return {name: np.array([bar.candle.close for bar in rows], float) for name, rows in bars.items()}


@pytest.mark.parametrize("pair", load("demo").truth(), ids=lambda pair: pair["y"])
def test_the_tape_shows_the_cointegration(pair: dict[str, float | str], closes: dict[str, np.ndarray]) -> None:
    symbols = load("demo").symbols
    y, x = (closes[str(name)] * float(symbols[str(name)].tick) for name in (pair["y"], pair["x"]))
    beta = np.polyfit(x, y, 1)[0]
    assert beta == pytest.approx(pair["beta"], rel=0.06)
    spread = y - float(pair["alpha"]) - float(pair["beta"]) * x
    assert abs(spread.mean()) < float(pair["ou_sd"])
    phi = np.polyfit(spread[:-1], spread[1:], 1)[0]
    assert 0.4 < -60 * np.log(2) / np.log(phi) / float(pair["ou_halflife_s"]) < 2
    assert spread.std() == pytest.approx(pair["ou_sd"], rel=0.4)


def test_prices_stay_near_their_level_for_years() -> None:
    scenario = load("demo")
    market = Market(scenario, 3)
    for name, spec in scenario.symbols.items():
        for day in range(DAY - 700, DAY + 700, 200):
            assert 0.5 < market.mid(name, np.array([day * DAY_MS]))[0] / spec.level < 2
