"""The jobs that test whether the legs are tied."""

from typing import Any

import numpy as np
import pytest

import quantd
from quantd.stats import FloatArray
from quantd.stats.cointegration import engle_granger
from quantd.stats.johansen import johansen, whiteness
from quantd_plugins.jobs.cointegration import Cointegration
from quantd_plugins.jobs.johansen import JohansenJob
from tests.unit.stats.pairs import tied


def run(job: quantd.PairJob, y: FloatArray, x: FloatArray) -> dict[str, Any]:
    return dict(job.run(quantd.PairView("Y-X", "1m", 0, 60, {"ts": np.arange(len(y)), "y": y, "x": x})))


def test_johansen_takes_its_settings() -> None:
    y, x = tied(1, 300)
    plain, other = run(JohansenJob(), y, x), run(JohansenJob(window=120, trend="ct", lags=0), y, x)
    wanted = johansen(y[-250:], x[-250:], trend="rc", lags=2)
    assert wanted.trace
    assert wanted.max_eigen
    assert plain == {
        "johansen_trace": wanted.trace[0],
        "johansen_max_eigen": wanted.max_eigen[0],
        "johansen_rank": 1,
        "johansen_beta": wanted.beta,
        "johansen_white_pvalue": whiteness(y[-250:], x[-250:]),
        "johansen_reason": None,
    }
    wanted = johansen(y[-120:], x[-120:], trend="ct", lags=0)
    assert wanted.trace
    assert other["johansen_trace"] == wanted.trace[0]


def test_engle_granger_takes_its_settings() -> None:
    y, x = tied(2, 300)
    y = y + 0.5 * np.arange(300)
    found = run(Cointegration(window=200, trend="ct", lags=1), y, x)
    way, back = (engle_granger(*legs, trend="ct", lags=1) for legs in ((y[-200:], x[-200:]), (x[-200:], y[-200:])))
    assert (found["eg_stat"], found["eg_pvalue"]) == (way.stat, way.pvalue)
    assert (found["eg_reverse_stat"], found["eg_reverse_pvalue"]) == (back.stat, back.pvalue)
    assert (found["eg_n"], found["eg_lags"], found["eg_reason"]) == (200, 1, None)


def test_windows_hold_the_lags() -> None:
    assert (JohansenJob().bars_needed(60), JohansenJob(lags=60).bars_needed(60)) == (250, 366)
    assert (Cointegration().bars_needed(60), Cointegration(lags=200).bars_needed(60)) == (250, 410)
    with pytest.raises(ValueError, match="at least 36"):
        JohansenJob(window=35, lags=5)


@pytest.mark.parametrize("size", [1e-198, 1.0, 1e150])
@pytest.mark.parametrize("x_is", ["other", "rounded"])
def test_any_prices_give_numbers_or_a_reason(size: float, x_is: str) -> None:
    y, x = tied(3, 60)
    x = size * (x if x_is == "other" else np.round(0.5 * y, 1))
    reason = None if x_is == "other" else "collinear"
    for job, prefix in ((JohansenJob(window=60), "johansen"), (Cointegration(window=60), "eg")):
        found = run(job, size * y, x)
        assert found[f"{prefix}_reason"] == reason
        assert (found[{"johansen": "johansen_trace", "eg": "eg_pvalue"}[prefix]] is None) == (reason is not None)
