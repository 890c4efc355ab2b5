"""The probability that a stretched spread reverts before it breaks away: a model that learns continuously, and reports its skill.

An example of a job that learns. It is a pure function of the columns, it runs beside the flow, and it uses no future data: a fold
learns from the events whose outcome was known before the fold begins, and is judged by its predictions of later ones, compared with the
share known then.
"""

import math
from collections.abc import Mapping
from itertools import pairwise
from typing import Annotated, Any, ClassVar

import numpy as np
from msgspec import Meta
from numpy.lib.stride_tricks import sliding_window_view

import quantd
from quantd.stats import FloatArray
from quantd.stats.calibration import REVERTED, HeldScores, Labels, barriers, calibration, evenly, stretches

CHANGES = (1, 5)
MOVES = (10, 60)
LEAST_STRETCHES = 20
"""Number of stretches with known outcomes, a quarter of which have the rarer outcome, that a model needs."""
LEAST_JUDGED = 5
"""Number of stretches with the rarer outcome that the judgement of the predictions needs."""
FEW = {0: "few reverted", 1: "few stopped"}
"""The rarer outcome, by whether most stretches have reverted."""


class ReversionModel(quantd.PairJob):
    """The probability that |z|, now beyond `entry`, comes back to `target` before it reaches `stop`, within `horizon` bars.

    A logistic regression on a few features, fitted again for each of `folds` parts of the last `window` points from the outcomes known
    before. Events that wait for the same outcome form one stretch, and count once. `model_verdict` is few_events (`model_reason` names
    the rarer kind), no_skill (then `model_probability` is the plain share of past stretches that reverted), or skilled: the gain over
    the share known beforehand exceeds two standard errors.
    """

    metrics: ClassVar[tuple[str, ...]] = (
        *("model_probability", "model_verdict", "model_reason", "model_events", "model_stretches", "model_share"),
        *("model_brier", "model_skill", "model_skill_stderr", "model_error"),
    )
    background: ClassVar[bool] = True
    words: ClassVar[Mapping[str, tuple[str, ...]]] = {
        "model_verdict": ("few_events", "no_skill", "skilled"),
        "model_reason": ("no events", *FEW.values()),
    }
    ranges: ClassVar[Mapping[str, tuple[float, float]]] = {
        **dict.fromkeys(("model_probability", "model_share", "model_brier", "model_error"), (0.0, 1.0)),
        **dict.fromkeys(("model_events", "model_stretches", "model_skill_stderr"), (0.0, math.inf)),
        "model_skill": (-math.inf, 1.0),
    }
    states: ClassVar[tuple[str, ...]] = ("model_verdict",)

    window: Annotated[int, Meta(ge=200, le=20_000, description="Points to learn from and to be judged on.")] = 2000
    entry: Annotated[float, Meta(gt=0, description="|z| from which there is something to say.")] = 1.5
    target: Annotated[float, Meta(ge=0, description="|z| at which it has come back.")] = 0.5
    stop: Annotated[float, Meta(gt=0, description="|z| at which it has broken away.")] = 3.5
    horizon: Annotated[int, Meta(ge=1, description="Bars that it may take.")] = 60
    folds: Annotated[int, Meta(ge=2, le=20, description="How often the model is made anew along the window.")] = 5

    def __post_init__(self) -> None:
        if not self.target < self.entry < self.stop:
            raise ValueError("target, entry and stop must rise")

    def bars_needed(self, window: int) -> int:
        return self.window

    def run(self, view: quantd.PairView) -> Mapping[str, quantd.Metric]:
        columns = view.columns
        zscore = columns["zscore"]
        held = _held(columns)
        labels, known = barriers(zscore, held, self.entry, self.target, self.stop, self.horizon)
        features, done = _features(columns, held), known < len(zscore)
        said, base = self._walk_forward(features, labels, known)
        judged = np.isfinite(said) & done
        found = calibration(said[judged], base[judged], labels[judged], stretches(known)[judged])
        share = _share(labels, known, len(zscore))
        answer: dict[str, quantd.Metric] = dict.fromkeys(self.metrics)
        answer |= {"model_events": int(done.sum()), "model_stretches": int(stretches(known).max(initial=-1)) + 1, "model_share": share}
        if share is None or found is None or found.rarer < LEAST_JUDGED:
            return answer | {"model_verdict": "few_events", "model_reason": "no events" if share is None else FEW[share >= 0.5]}
        answer |= {"model_verdict": "skilled" if found.skilled else "no_skill", "model_error": found.error}
        answer |= {"model_brier": found.brier, "model_skill": found.skill, "model_skill_stderr": found.stderr}
        if self.entry <= abs(zscore[-1]) < self.stop:
            model = _fitted(features, labels, known, len(zscore)) if found.skilled else None
            answer["model_probability"] = float(_said(model, features[-1:])[0]) if model is not None else share
        return answer

    def _walk_forward(self, features: FloatArray, labels: Labels, known: Labels) -> tuple[FloatArray, FloatArray]:
        """Return the predictions of each fold's model for its events, and the plain share that reverted; each fold learns from the
        outcomes known before its first bar. NaN if there is nothing to learn from.
        """
        said, base = np.full((2, len(labels)), np.nan)
        edges = np.linspace(0, len(labels), self.folds + 2).astype(int)[1:]
        for begin, end in pairwise(edges.tolist()):
            model = _fitted(features, labels, known, begin)
            events = begin + np.flatnonzero(known[begin:end] < len(labels))
            if model is not None and len(events):
                said[events], base[events] = _said(model, features[events]), _share(labels, known, begin)
        return said, base


def _held(columns: Mapping[str, FloatArray]) -> HeldScores:
    return HeldScores(*(columns[name] for name in ("y", "x", "beta", "zscore", "spread_std")))


def _features(columns: Mapping[str, FloatArray], held: HeldScores) -> FloatArray:
    """Return an array of shape (n, 5) with the values known at each bar: |z|, its change over 1 and 5 bars, the last 10 moves of the
    spread relative to the last 60, all priced with the hedge of that bar, and the correlation of the returns.
    """
    sizes = np.nan_to_num(np.abs(columns["zscore"]))
    changes = [np.nan_to_num(sizes - np.abs(held.back(bars))) for bars in CHANGES]
    return np.column_stack([sizes, *changes, _liveliness(columns), np.nan_to_num(columns["corr_returns"])])


def _liveliness(columns: Mapping[str, FloatArray]) -> FloatArray:
    """Return an array of shape (n,): the mean size of the last 10 moves of the spread over that of the last 60, at most 10; 1 while
    there are fewer.
    """
    n, (short, long) = len(columns["y"]), MOVES
    found = np.ones(n)
    if n > long:
        of_y, of_x = (sliding_window_view(np.diff(columns[leg]), long) for leg in ("y", "x"))
        moves = np.abs(of_y - columns["beta"][long:, None] * of_x)
        ratio = moves[:, -short:].mean(axis=1) / np.maximum(moves.mean(axis=1), 1e-300)
        found[long:] = np.minimum(np.nan_to_num(ratio, nan=1.0), 10.0)
    return found


def _past(known: Labels, before: int) -> tuple[Labels, FloatArray]:
    """Return the events whose outcome was known before that bar, and their weights."""
    past = np.flatnonzero(known < before)
    return past, evenly(stretches(known)[past]) if len(past) else np.zeros(0)


def _share(labels: Labels, known: Labels, before: int) -> float | None:
    """Return the share of stretches that reverted, of those with outcomes known before that bar."""
    past, weights = _past(known, before)
    return float(np.average(labels[past] == REVERTED, weights=weights)) if len(past) else None


def _fitted(features: FloatArray, labels: Labels, known: Labels, before: int) -> Any:
    """Return a model of the outcomes known before that bar; None if they are too few, or too uniform."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    past, weights = _past(known, before)
    total, ones = float(weights.sum()), float(weights @ (labels[past] == REVERTED))
    if total < LEAST_STRETCHES or min(ones, total - ones) < LEAST_STRETCHES / 4:
        return None
    model = make_pipeline(StandardScaler(), LogisticRegression(C=0.1))
    return model.fit(features[past], labels[past], logisticregression__sample_weight=weights)


def _said(model: Any, features: FloatArray) -> FloatArray:
    probabilities: FloatArray = model.predict_proba(features)[:, 1]
    return probabilities


@quantd.hookimpl
def register_jobs(register: quantd.Register[quantd.PairJob]) -> None:
    register("reversion-model", ReversionModel)
