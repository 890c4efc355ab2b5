"""The checks of regressions that are not fitted anew at each bar but implement `fit_sums` or `update`."""

import math
from collections.abc import Iterator

import msgspec
import numpy as np

from quantd.model import Hedge
from quantd.plugin.base import Plugin
from quantd.plugin.regression import Regression, Steps, is_stepwise
from quantd.stats import FloatArray
from quantd.testing import fakes
from quantd.testing.checks.regressions import assert_finite, degenerate_legs

FIRST = 1_000_003
"""Absolute number of the first bar: a prime, so that no window begins with it."""
RTOL = 1e-6


def has_steps(cls: type[Plugin]) -> bool:
    return issubclass(cls, Regression) and is_stepwise(cls)


def is_windowed(cls: type[Plugin]) -> bool:
    """Return whether the steps must equal `fit` of the last `window` bars. Other regressions set `recursive: ClassVar[bool] = True`."""
    return has_steps(cls) and not getattr(cls, "recursive", False)


def is_recursive(cls: type[Plugin]) -> bool:
    return has_steps(cls) and getattr(cls, "recursive", False)


def steps_answer_the_fit_of_their_window(regression: Regression) -> None:
    y, x = _legs(regression, 4)
    window = regression.window
    fitter = msgspec.structs.replace(regression)
    for end, hedge in enumerate(_walk(regression, y, x), 1):
        if end < window:
            assert hedge is None, f"an answer after {end} bars, with a window of {window}"
        elif end % 7 == 0 or end == window:
            _assert_same(hedge, fitter.fit(y[end - window : end].copy(), x[end - window : end].copy()), end)


def steps_restart_to_the_same_bits(regression: Regression) -> None:
    y, x = _legs(regression, 5)
    window = regression.window
    whole = list(_walk(regression, y, x))
    for end in range(2 * window, len(y) + 1, max(window // 3, 1)):
        begin = end - 2 * window
        *_, last = _walk(regression, y[begin:end], x[begin:end], begin)
        assert last == whole[end - 1], f"{last} from the last {2 * window} bars alone, {whole[end - 1]} from all {end}"


def state_resumes_to_the_same_bits(regression: Regression) -> None:
    y, x = _legs(regression, 5)
    whole = list(_walk(regression, y, x))
    for end in range(1, len(y), max(regression.window // 3, 1)):
        before, after = Steps(regression), Steps(regression)
        list(_along(before, y[:end], x[:end]))
        state = before.regression.state()
        if state is None and not any(whole[:end]):
            continue
        assert isinstance(state, bytes), f"`state` is {state!r}: a recursive regression tells as bytes what it carries over"
        after.regression.resume(state)
        rest = list(_along(after, y[end:], x[end:], end))
        assert rest == whole[end:], f"goes on otherwise from the state of bar {end} than without a stop"


def instances_share_no_state(regression: Regression) -> None:
    y, x = _legs(regression, 3)
    alone = list(_walk(regression, y, x))
    beside = [hedge for hedge, _ in zip(_walk(regression, y, x), _walk(regression, x, y), strict=True)]
    assert beside == alone, "answers change when another instance of it is at work: keep state on `self`, set in __post_init__"


def steps_survive_degenerate_legs(regression: Regression) -> None:
    y, x = _legs(regression, 3)
    for name, (odd_y, odd_x) in degenerate_legs(regression.window):
        answers = list(_walk(regression, np.concatenate([odd_y, y]), np.concatenate([odd_x, x])))
        for hedge in filter(None, answers):
            assert_finite(hedge, name)
        assert answers[-1] is not None, f"no answer any more {len(y)} good bars after {name}"


def _legs(regression: Regression, windows: int) -> tuple[FloatArray, FloatArray]:
    return fakes.legs(windows * regression.window + 3)


def _walk(regression: Regression, y: FloatArray, x: FloatArray, begin: int = 0) -> Iterator[Hedge | None]:
    return _along(Steps(regression), y, x, begin)


def _along(steps: Steps, y: FloatArray, x: FloatArray, begin: int = 0) -> Iterator[Hedge | None]:
    for number, prices in enumerate(zip(y.tolist(), x.tolist(), strict=True), FIRST + begin):
        steps.push(number, *prices)
        yield steps.hedge()


def _assert_same(hedge: Hedge | None, fit: Hedge | None, end: int) -> None:
    assert hedge is not None, f"no answer at bar {end}"
    assert fit is not None, f"`fit` has no answer at bar {end}"
    assert hedge.n == fit.n, f"at bar {end} a step answers n = {hedge.n}, `fit` {fit.n}"
    for name in ("alpha", "beta", "stderr", "r2"):
        one, other = getattr(hedge, name), getattr(fit, name)
        equal = one == other if one is None or other is None else math.isclose(one, other, rel_tol=RTOL, abs_tol=1e-12)
        assert equal, f"at bar {end} a step answers {name} = {one}, `fit` of the last {fit.n} bars {other}"


CHECKS = (instances_share_no_state, steps_survive_degenerate_legs)
WINDOW_CHECKS = (steps_answer_the_fit_of_their_window, steps_restart_to_the_same_bits)
RECURSIVE_CHECKS = (state_resumes_to_the_same_bits,)
