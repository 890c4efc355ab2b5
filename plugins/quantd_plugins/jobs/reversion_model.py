"""How likely a stretched spread is to come back before it breaks away: a model that learns as it goes, and tells how good it was.

An example of a job that learns. It is a pure function of the columns, it runs beside the flow, and it never sees tomorrow: a fold learns
from the events whose outcome was known before the fold begins, and is judged on what it said of later ones.
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
from quantd.stats.calibration import REVERTED, Held, Labels, barriers, calibration

CHANGES = (1, 5)
MOVES = (10, 60)
LEAST_EVENTS = 40
"""Known outcomes, ten of the rarer kind among them, from which a model is made."""


class ReversionModel(quantd.PairJob):
    """The probability that |z|, now beyond `entry`, comes back to `target` before it reaches `stop`, within `horizon` bars.

    A logistic regression on a few features, made anew for each of `folds` stretches of the last `window` points from what was known before.
    `model_verdict`: few_events, no_skill (then `model_probability` is the plain share of past events that came back), or skilled.
    """

    metrics: ClassVar[tuple[str, ...]] = (
        *("model_probability", "model_verdict", "model_events", "model_share", "model_brier", "model_skill", "model_error"),
    )
    background: ClassVar[bool] = True
    texts: ClassVar[Mapping[str, tuple[str, ...]]] = {"model_verdict": ("few_events", "no_skill", "skilled")}
    ranges: ClassVar[Mapping[str, tuple[float, float]]] = {
        **dict.fromkeys(("model_probability", "model_share", "model_brier", "model_error"), (0.0, 1.0)),
        "model_events": (0.0, math.inf),
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

    def needs(self, window: int) -> int:
        return self.window

    def run(self, view: quantd.PairView) -> Mapping[str, quantd.Metric]:
        columns = view.columns
        zscore = columns["zscore"]
        held = _held(columns)
        labels, known = barriers(zscore, held, self.entry, self.target, self.stop, self.horizon)
        features = _features(columns, held)
        said = self._walk_forward(features, labels, known)
        judged = np.isfinite(said) & (known < len(zscore))
        verdict = calibration(said[judged], labels[judged])
        done = known < len(zscore)
        answer: dict[str, quantd.Metric] = dict.fromkeys(self.metrics)
        answer |= {"model_events": int(done.sum()), "model_verdict": "few_events"}
        if verdict is None:
            return answer
        share = float(labels[done].mean())
        skilled = verdict.skill > 0.0
        answer |= {"model_verdict": "skilled" if skilled else "no_skill", "model_share": share}
        answer |= {"model_brier": verdict.brier, "model_skill": verdict.skill, "model_error": verdict.error}
        if self.entry <= abs(zscore[-1]) < self.stop:
            model = _fitted(features, labels, done) if skilled else None
            answer["model_probability"] = float(_said(model, features[-1:])[0]) if model is not None else share
        return answer

    def _walk_forward(self, features: FloatArray, labels: Labels, known: Labels) -> FloatArray:
        """What each fold's model says of its events, NaN elsewhere; each learns from what was known before its first bar."""
        said = np.full(len(labels), np.nan)
        edges = np.linspace(0, len(labels), self.folds + 2).astype(int)[1:]
        for begin, end in pairwise(edges.tolist()):
            model = _fitted(features, labels, known < begin)
            events = begin + np.flatnonzero(known[begin:end] < len(labels))
            if model is not None and len(events):
                said[events] = _said(model, features[events])
        return said


def _held(columns: Mapping[str, FloatArray]) -> Held:
    return Held(*(columns[name] for name in ("y", "x", "beta", "zscore", "spread_std")))


def _features(columns: Mapping[str, FloatArray], held: Held) -> FloatArray:
    """(n, 5), each row of what was known at its bar: |z|, its change over 1 and 5 bars, the last 10 moves of the spread against the last
    60, all priced with the hedge of that bar, and the correlation of the returns."""
    sizes = np.nan_to_num(np.abs(columns["zscore"]))
    changes = [np.nan_to_num(sizes - np.abs(held.back(bars))) for bars in CHANGES]
    return np.column_stack([sizes, *changes, _liveliness(columns), np.nan_to_num(columns["corr_returns"])])


def _liveliness(columns: Mapping[str, FloatArray]) -> FloatArray:
    """(n,): the mean size of the last 10 moves of the spread over that of the last 60, at most 10; 1 while there are fewer."""
    n, (short, long) = len(columns["y"]), MOVES
    found = np.ones(n)
    if n > long:
        of_y, of_x = (sliding_window_view(np.diff(columns[leg]), long) for leg in ("y", "x"))
        moves = np.abs(of_y - columns["beta"][long:, None] * of_x)
        ratio = moves[:, -short:].mean(axis=1) / np.maximum(moves.mean(axis=1), 1e-300)
        found[long:] = np.minimum(np.nan_to_num(ratio, nan=1.0), 10.0)
    return found


def _fitted(features: FloatArray, labels: Labels, usable: Any) -> Any:
    """A model of the usable events; None where they are too few, or too much alike."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    outcomes = labels[usable]
    rarer = min(int((outcomes == REVERTED).sum()), int((outcomes != REVERTED).sum()))
    if len(outcomes) < LEAST_EVENTS or rarer < LEAST_EVENTS // 4:
        return None
    return make_pipeline(StandardScaler(), LogisticRegression(C=0.1)).fit(features[usable], outcomes)


def _said(model: Any, features: FloatArray) -> FloatArray:
    probabilities: FloatArray = model.predict_proba(features)[:, 1]
    return probabilities


@quantd.hookimpl
def register_jobs(register: quantd.Register[quantd.PairJob]) -> None:
    register("reversion-model", ReversionModel)
