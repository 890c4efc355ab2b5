"""The model sees no tomorrow, is calibrated where there is something to learn, and says so where there is not."""

import numpy as np
import pytest

import quantd
from quantd.stats import FloatArray
from quantd.stats.calibration import barriers
from quantd_plugins.jobs.reversion_model import LEAST_EVENTS, ReversionModel, _features

N = 2000


def columns(zscore: FloatArray) -> dict[str, FloatArray]:
    return {"ts": np.arange(len(zscore)), "zscore": zscore, "spread": zscore * 3.0, "corr": np.full(len(zscore), 0.8)}


def ou(seed: int, phi: float = 0.93) -> FloatArray:
    shocks, z = np.random.default_rng(seed).normal(size=N), np.zeros(N)
    for at in range(1, N):
        z[at] = phi * z[at - 1] + np.sqrt(1 - phi * phi) * 1.2 * shocks[at]
    return z


def answer(zscore: FloatArray, **settings: object) -> dict[str, quantd.Metric]:
    return dict(ReversionModel(**settings).run(quantd.PairView("Y-X", "1m", 0, 60, columns(zscore))))


def test_a_fold_knows_nothing_of_what_comes_after_it_begins() -> None:
    job, z = ReversionModel(), ou(1)
    other = z.copy()
    other[1_400:] = ou(2)[1_400:]
    said = []
    for each in (z, other):
        labels, known = barriers(each, job.entry, job.target, job.stop, job.horizon)
        said.append((job._walk_forward(_features(columns(each)), labels, known), known))
    edge = int(np.linspace(0, N, job.folds + 2)[4])
    before = (np.arange(N) < edge) & (said[0][1] < 1_400) & (said[1][1] < 1_400)
    assert edge < 1_400
    assert np.isfinite(said[0][0][before]).any()
    assert np.array_equal(said[0][0][before], said[1][0][before], equal_nan=True)


def test_on_a_spread_that_reverts_it_is_calibrated() -> None:
    found = [answer(ou(seed), entry=1.0, stop=2.5, horizon=200) for seed in range(6)]
    assert np.mean([each["model_error"] for each in found]) < 0.15
    assert np.mean([each["model_skill"] for each in found]) > 0.0
    assert {each["model_verdict"] for each in found} <= {"skilled", "no_skill"}


def test_without_skill_it_says_the_plain_share() -> None:
    chance = np.random.default_rng(5)
    z = np.where(chance.random(N) < 0.5, 0.0, chance.choice([1.6, -1.6, 4.0, -4.0], N))
    z[-1] = 1.6
    found = answer(z, horizon=3)
    if found["model_verdict"] == "no_skill":
        assert found["model_probability"] == found["model_share"]
    else:
        assert abs(float(found["model_probability"] or 0) - float(found["model_share"] or 0)) < 0.1
    assert float(found["model_skill"] or 0) < 0.1


def test_there_is_no_probability_of_what_is_not_stretched() -> None:
    z = ou(3)
    z[-1] = 0.1
    assert answer(z)["model_probability"] is None


def test_few_events_make_no_model() -> None:
    z = np.zeros(N)
    z[:: N // (LEAST_EVENTS // 2)] = 2.0
    assert answer(z)["model_verdict"] == "few_events"
    assert answer(z)["model_probability"] is None


def test_settings_must_rise() -> None:
    with pytest.raises(ValueError, match="must rise"):
        ReversionModel(entry=4.0)
