"""Labels by hand, and the measures of probabilities."""

import numpy as np
import pytest
from sklearn.metrics import brier_score_loss

from quantd.stats import FloatArray
from quantd.stats.calibration import PENDING, REVERTED, STOPPED, HeldScores, barriers, calibration, stretches


def kept(zscore: FloatArray) -> HeldScores:
    """A pair whose hedge, middle and unit are the same at each bar."""
    nothing = np.zeros(len(zscore))
    return HeldScores(zscore, nothing, nothing, zscore, np.ones(len(zscore)))


def test_a_position_is_followed_with_what_it_was_entered_with() -> None:
    x = np.array([10.0, 10.0, 11.0, 12.0])
    y = np.array([20.0, 23.0, 25.0, 27.0])
    beta, zscore, std = np.array([2.0, 2.0, 1.0, 9.0]), np.array([0.0, 3.0, 0.1, 0.1]), np.array([1.0, 1.0, 5.0, 7.0])
    held = HeldScores(y, x, beta, zscore, std)
    assert held.path(1, 5).tolist() == [3.0, 3.0], "whatever the later hedges make of it"
    assert held.back(1)[1] == 0.0
    labels, _ = barriers(zscore, held, 2.5, 0.5, 4.0, 2)
    assert labels.tolist() == [PENDING, STOPPED, PENDING, PENDING]


def test_labels_by_hand() -> None:
    z = np.array([0.0, 2.0, 1.0, 0.4, -2.1, -2.9, -3.6, 2.5, np.nan, 2.2, 2.1])
    labels, known = barriers(z, kept(z), entry=2.0, target=0.5, stop=3.5, horizon=3)
    # bar 1 is back at bar 3; bars 4 and 5 break away at bar 6; bar 6 is beyond the stop; bar 7 runs out of time at 10; 9 and 10 are open
    assert labels.tolist() == [PENDING, REVERTED, PENDING, PENDING, STOPPED, STOPPED, PENDING, STOPPED, PENDING, PENDING, PENDING]
    assert known.tolist() == [11, 3, 11, 11, 6, 6, 11, 10, 11, 11, 11]


def test_crossing_to_the_other_side_is_coming_back() -> None:
    labels, known = barriers(np.array([2.0, -3.0]), kept(np.array([2.0, -3.0])), 1.5, 0.5, 3.5, 5)
    assert (labels[0], known[0]) == (REVERTED, 1)


def test_what_is_not_known_yet_does_not_depend_on_what_comes() -> None:
    z = np.random.default_rng(0).normal(size=300).cumsum() / 3
    whole = barriers(z, kept(z), 1.5, 0.5, 3.5, 20)
    for end in (50, 120, 299):
        labels, known = barriers(z[:end], kept(z[:end]), 1.5, 0.5, 3.5, 20)
        seen = whole[1][:end] < end
        assert np.array_equal(labels[seen], whole[0][:end][seen])
        assert (labels[~seen] == PENDING).all()
        assert (known[~seen] == end).all()


def test_brier_is_scikit_learns_and_truth_is_calibrated() -> None:
    chance = np.random.default_rng(1)
    truth = chance.uniform(0.2, 0.9, 4_000)
    came = (chance.random(4_000) < truth).astype(np.int64)
    plain, alone = np.full(4_000, came.mean()), np.arange(4_000)
    found, liar = (calibration(said, plain, came, alone) for said in (truth, np.clip(truth * 1.4, 0, 1)))
    assert found
    assert liar
    assert found.brier == pytest.approx(brier_score_loss(came, truth), rel=1e-12)
    assert found.error < 0.03 < 0.1 < liar.error
    assert found.skilled
    assert found.skill == pytest.approx(1.0 - found.brier / came.var())
    assert liar.skill < found.skill
    assert (found.stretches, found.rarer) == (4_000, min(came.sum(), 4_000 - came.sum()))


def test_what_is_said_twice_is_counted_once() -> None:
    chance = np.random.default_rng(2)
    said, base = chance.random(60), chance.uniform(0.4, 0.6, 60)
    came = (chance.random(60) < said).astype(np.int64)
    once = calibration(said, base, came, np.arange(60))
    again = np.repeat(np.arange(60), chance.integers(1, 30, 60))
    often = calibration(said[again], base[again], came[again], 7 + 2 * again)
    assert once
    assert often
    assert (often.stretches, often.rarer) == (60, pytest.approx(once.rarer))
    for name in ("brier", "base", "skill", "stderr"):
        assert getattr(often, name) == pytest.approx(getattr(once, name), rel=1e-9)


def test_the_standard_error_of_the_skill_is_that_over_stretches() -> None:
    """What the same forecaster gains on other stretches spreads so."""
    skills, errors = [], []
    for seed in range(400):
        chance = np.random.default_rng([3, seed])
        truth = chance.uniform(0.1, 0.9, 80)
        ended = (chance.random(80) < truth).astype(np.int64)
        numbers = np.repeat(np.arange(80), chance.integers(1, 20, 80))
        found = calibration(truth[numbers], np.full(len(numbers), 0.5), ended[numbers], numbers)
        assert found
        skills.append(found.skill)
        errors.append(found.stderr)
    assert np.mean(errors) == pytest.approx(np.std(skills), rel=0.1)


def test_stretches_wait_for_one_outcome() -> None:
    z = np.array([0.0, 2.0, 1.0, 1.8, 0.4, 1.6, 0.2, -2.0, 0.0, 2.0])
    _, known = barriers(z, kept(z), entry=1.5, target=0.5, stop=3.5, horizon=5)
    # bars 1 and 3 are both back at bar 4; bar 5 is at 6, bar 7 at 8; of bar 9 nothing is known
    assert stretches(known).tolist() == [-1, 0, -1, 0, -1, 1, -1, 2, -1, -1]


def test_a_stretch_of_the_past_is_one_whatever_comes() -> None:
    z = np.random.default_rng(0).normal(size=300).cumsum() / 3
    numbers, known = (of(barriers(z, kept(z), 1.5, 0.5, 3.5, 20)[1]) for of in (stretches, lambda known: known))
    for before in (60, 120, 250):
        past = np.flatnonzero(known < before)
        seen = stretches(np.where(known < before, known, 300))[past]
        together = numbers[past][:, None] == numbers[past]
        assert not ((seen[:, None] == seen) & ~together).any(), "what was one stretch then is none of two now"


def test_there_is_none_of_too_little() -> None:
    half, ones = np.full(20, 0.5), np.ones(20, np.int64)
    assert calibration(np.zeros(0), np.zeros(0), np.zeros(0, np.int64), np.zeros(0, np.int64)) is None
    assert calibration(half, half, np.arange(20) % 2, 0 * ones) is None, "one stretch"
    assert calibration(half, half, ones, np.arange(20)) is None, "one outcome"
