"""Interpreted and compiled, a kernel gives the same bits; and what cannot be compiled still works."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from quantd.clock import EventClock
from quantd.stats.kernels import PATIENCE_S, Workshop, workshop
from quantd.stats.kernels.adf import dickey_fuller
from quantd.stats.kernels.huber import huber_line
from quantd.stats.regression import ols_fit
from quantd.stats.robust import huber
from quantd.testing import fakes

QUICK = """
from quantd.stats.stationarity import adf
from quantd.testing import fakes
import sys
walk = fakes.walk(40)
for _ in range({calls}):
    adf(walk)
sys.exit("numba" in sys.modules)
"""


def adf_answers() -> list[object]:
    chance = np.random.default_rng(0)
    series = [chance.normal(size=20 + seed).cumsum() * 10.0 ** (seed % 9 - 4) for seed in range(120)]
    odd = [np.full(60, 5.0), np.arange(60.0), np.tile([1.0, -1.0], 30), np.append(fakes.walk(59), 1e9), np.append(fakes.walk(59), np.nan)]
    settings = [(trends, search, bic) for trends in (0, 1, 2) for search in (True, False) for bic in (True, False)]
    return [dickey_fuller(each, *(trends, 6, search, bic, 1e-12, 1e-5)) for each in series + odd for trends, search, bic in settings]


def huber_answers() -> list[object]:
    chance = np.random.default_rng(0)
    found: list[object] = []
    for seed in range(120):
        x = 100.0 + chance.normal(size=10 + seed).cumsum()
        y = 2.0 * x + chance.standard_t(1.5, size=len(x))
        line = ols_fit(y, x)
        assert line
        found += [huber_line(y, x, line.beta, 1.0 + seed / 60, steps) for steps in (0, 40)]
    return found


def test_compiled_kernels_give_the_same_bits() -> None:
    workshop.compile()  # first: interpreted work would have it begin in the middle
    forms = [each.compiled for each in workshop.kernels]
    for each in workshop.kernels:
        each.compiled = None
    try:
        interpreted = (adf_answers(), huber_answers())
    finally:
        for each, form in zip(workshop.kernels, forms, strict=True):
            each.compiled = form
    assert workshop.failure is None
    assert all(each.compiled for each in workshop.kernels)
    assert (adf_answers(), huber_answers()) == interpreted


def test_numba_is_not_imported_for_a_few_calls() -> None:
    done = subprocess.run([sys.executable, "-c", QUICK.format(calls=5)], check=False)
    assert done.returncode == 0


def test_what_does_not_compile_stays_interpreted(tmp_path: Path) -> None:
    shop = Workshop()
    shop.keep_in(tmp_path)

    @shop.kernel("float64(text)")
    def twice(value: float) -> float:
        return 2.0 * value

    with pytest.warns(RuntimeWarning, match="numerics stay interpreted"):
        shop.compile()
    assert shop.failure
    shop.compile()
    assert twice(2.0) == 4.0


def test_the_compiler_is_called_once_it_pays(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = EventClock()
    shop = Workshop(clock)
    called: list[bool] = []
    monkeypatch.setattr(shop, "compile", lambda: called.append(True))

    @shop.kernel("float64(float64)")
    def twice(value: float) -> float:
        return 2.0 * value

    @shop.kernel("void()")
    def long() -> None:
        clock.advance_to(clock.now() + 1 + int(1000 * PATIENCE_S))

    twice(1.0)
    assert not shop.begun
    long()
    assert shop.begun
    shop.begun.join()
    assert called == [True]


def test_reweighting_ends_where_newton_does() -> None:
    for seed in range(5):
        y, x = fakes.legs(60, seed=seed)
        y[::9] += 3.0
        line = ols_fit(y, x)
        assert line
        newton, reweighted = (huber_line(y, x, line.beta, 1.35, steps) for steps in (40, 0))
        assert reweighted == pytest.approx(newton, rel=1e-7)
        hedge = huber(y, x)
        assert hedge
        assert (hedge.alpha, hedge.beta, hedge.stderr) == newton
