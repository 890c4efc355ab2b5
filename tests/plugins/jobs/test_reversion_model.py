"""The model sees no tomorrow, is calibrated where there is something to learn, and says so where there is not."""

from typing import Any

import numpy as np
import pytest

import quantd
from quantd.clock import EventClock
from quantd.flow.pairs import PairSeries, PairSpec
from quantd.plugin.guard import Guard
from quantd.stats import FloatArray
from quantd.stats.calibration import barriers
from quantd.testing import fakes
from quantd_plugins.jobs.reversion_model import ReversionModel, _features, _held
from quantd_plugins.regressions.ols import Ols

N = 2000


def columns(zscore: FloatArray) -> dict[str, FloatArray]:
    """A spread of std 3 around 100 whose hedge never changes."""
    n = len(zscore)
    spread, ones = 100.0 + zscore * 3.0, np.ones(n)
    legs = {"y": spread + 500.0, "x": 250.0 * ones, "beta": 2.0 * ones, "spread": spread}
    return {
        "ts": np.arange(n, dtype=float),
        "zscore": zscore,
        "spread_mean": 100.0 * ones,
        "spread_std": 3.0 * ones,
        "corr_returns": 0.8 * ones,
        **legs,
    }


def ou(seed: int, phi: float = 0.93) -> FloatArray:
    shocks, z = np.random.default_rng(seed).normal(size=N), np.zeros(N)
    for at in range(1, N):
        z[at] = phi * z[at - 1] + np.sqrt(1 - phi * phi) * 1.2 * shocks[at]
    return z


def answer(zscore: FloatArray, **settings: Any) -> dict[str, quantd.Metric]:
    return dict(ReversionModel(**settings).run(quantd.PairView("Y-X", "1m", 0, 60, columns(zscore))))


def test_a_fold_knows_nothing_of_what_comes_after_it_begins() -> None:
    job, z = ReversionModel(entry=1.0, stop=2.0), ou(1)
    other = z.copy()
    other[1_400:] = ou(2)[1_400:]
    said = []
    for each in (z, other):
        held = _held(columns(each))
        labels, known = barriers(each, held, job.entry, job.target, job.stop, job.horizon)
        said.append((np.array(job._walk_forward(_features(columns(each), held), labels, known)), known))
    edge = int(np.linspace(0, N, job.folds + 2)[4])
    before = (np.arange(N) < edge) & (said[0][1] < 1_400) & (said[1][1] < 1_400)
    assert edge < 1_400
    assert np.isfinite(said[0][0][:, before]).all(axis=0).any()
    assert np.array_equal(said[0][0][:, before], said[1][0][:, before], equal_nan=True)


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
    assert found["model_verdict"] == "no_skill"
    assert found["model_probability"] == found["model_share"] == pytest.approx(0.88, abs=0.01)
    assert float(found["model_skill"] or 0) < 0.1


def test_there_is_no_probability_of_what_is_not_stretched() -> None:
    z = ou(3)
    z[-1] = 0.1
    assert answer(z)["model_probability"] is None


@pytest.mark.parametrize(("ends_at", "reason", "share"), [(0.0, "few stopped", 1.0), (4.0, "few reverted", 0.0)])
def test_few_events_name_what_is_rare_and_tell_the_share(ends_at: float, reason: str, share: float) -> None:
    z = np.zeros(N)
    z[::20], z[1::20] = 2.0, ends_at
    z[-1] = 2.0
    found = answer(z)
    assert (found["model_verdict"], found["model_reason"], found["model_share"]) == ("few_events", reason, share)
    assert (found["model_events"], found["model_stretches"]) == (100, 100)
    assert found["model_probability"] is found["model_skill"] is None


def test_without_an_event_there_is_no_share() -> None:
    found = answer(np.zeros(N))
    assert (found["model_verdict"], found["model_reason"], found["model_share"]) == ("few_events", "no events", None)
    assert (found["model_events"], found["model_stretches"]) == (0, 0)


def tossed(seed: int, low: float, high: float, bars: int) -> FloatArray:
    """Stretches of some bars, which come back with a chance that goes from `high` just above the entry to `low` just below the stop."""
    chance, z = np.random.default_rng(seed), np.zeros(N)
    for at in range(0, N - bars - 1, bars + 4):
        level = chance.uniform(1.7, 3.3)
        z[at : at + bars] = level + chance.uniform(-0.1, 0.1, bars)
        z[at + bars] = 0.0 if chance.random() < high + (low - high) * (level - 1.7) / 1.6 else 4.0
    return z


def test_neighbours_that_wait_for_the_same_end_are_no_skill() -> None:
    verdicts = [answer(tossed(seed, 0.6, 0.6, 8))["model_verdict"] for seed in range(30)]
    assert set(verdicts) == {"no_skill"}


def test_what_the_level_foretells_is_found() -> None:
    found = [answer(tossed(seed, 0.1, 0.95, 3)) for seed in range(8)]
    assert [each["model_verdict"] for each in found] == ["skilled"] * 8
    assert all(float(each["model_skill"] or 0) > 2 * float(each["model_skill_stderr"] or 1) for each in found)


def test_skill_is_the_gain_over_the_share_that_was_known_beforehand() -> None:
    job = ReversionModel()
    shown = columns(tossed(4, 0.6, 0.6, 3))
    held = _held(shown)
    labels, known = barriers(shown["zscore"], held, job.entry, job.target, job.stop, job.horizon)
    said, base = job._walk_forward(_features(shown, held), labels, known)
    events = np.flatnonzero(np.isfinite(said) & (known < N))
    for at in events:
        edge = max(int(edge) for edge in np.linspace(0, N, job.folds + 2).astype(int) if edge <= at)
        assert base[at] == pytest.approx(labels[np.flatnonzero(known < edge)].mean()), "stretches of three bars weigh alike"
    judged = labels[events]
    gain = ((base[events] - judged) ** 2 - (said[events] - judged) ** 2).mean()
    found = job.run(quantd.PairView("Y-X", "1m", 0, 60, shown))
    assert found["model_skill"] == pytest.approx(gain / ((base[events] - judged) ** 2).mean(), rel=1e-9)


def test_settings_must_rise() -> None:
    with pytest.raises(ValueError, match="must rise"):
        ReversionModel(entry=4.0)


def test_features_are_those_of_the_bars_before_whatever_comes() -> None:
    """The chain's own columns: hedges that are fitted anew at each bar."""
    chance = np.random.default_rng(7)
    x = 1000.0 + chance.normal(size=400).cumsum()
    y = 50.0 + 1.5 * x + ou(8)[:400]
    seen = _held_columns(y, x)
    cut = 250
    order = np.concatenate([np.arange(cut), cut + chance.permutation(400 - cut)])
    shuffled = _held_columns(y[order], x[order])
    of_seen, of_shuffled = (_features(each, _held(each))[:cut] for each in (seen, shuffled))
    assert np.array_equal(of_seen, of_shuffled)
    assert not np.array_equal(_features(seen, _held(seen))[cut:], _features(shuffled, _held(shuffled))[cut:])
    assert len(np.unique(of_seen[100:, 3])) > 100, "how lively the spread is, is read with the hedge of each bar"


def _held_columns(y: FloatArray, x: FloatArray) -> dict[str, FloatArray]:
    """What a job is shown at the last bar."""
    shown: list[quantd.PairView] = []

    class Look(quantd.PairJob):
        """Keeps what it is shown."""

        metrics = ("nothing",)

        def bars_needed(self, window: int) -> int:
            return 400

        def run(self, view: quantd.PairView) -> dict[str, quantd.Metric]:
            shown.append(view)
            return {"nothing": None}

    y_bars, x_bars = (fakes.flat_bars(closes, symbol=symbol) for symbol, closes in (("Y", y), ("X", x)))
    spec = PairSpec("Y-X", "1m", Ols(window=60), jobs=(Look(),))
    PairSeries(spec, lambda plugin, user: Guard("job", user, EventClock()), 0).add(y_bars, x_bars)
    return {name: np.array(column) for name, column in shown[-1].columns.items()}
