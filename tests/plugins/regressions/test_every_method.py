"""What holds for each bundled regression: odd prices, restarts, and the name that the API knows it by."""

from functools import partial

import msgspec
import numpy as np
import pytest

from quantd.api.routes.checks import method
from quantd.clock import EventClock
from quantd.flow.pairs import PairSeries, PairSpec
from quantd.model import PairPoint
from quantd.plugin.base import Plugin
from quantd.plugin.guard import Guard
from quantd.plugin.loader import load
from quantd.plugin.regression import Regression, takes_long
from quantd.testing import fakes
from quantd.testing.checks.regressions import Legs, assert_finite
from quantd.testing.services import fake_services
from tests.plugins.regressions.support import legs, odd_legs

REGISTRY = load()
NAMES = REGISTRY.names("regression")
WINDOW = 20
REQUIRED = {"fixed": {"beta": 15.0}}
"""The settings that have no default."""

every_method = pytest.mark.parametrize("name", NAMES)


def made(name: str, window: int = WINDOW) -> Regression:
    plugin = REGISTRY.get("regression", name).plugin(window=window, **REQUIRED.get(name, {}))
    assert isinstance(plugin, Regression)
    return plugin


def series(name: str, window: int = WINDOW, recorded: list[PairPoint] | None = None) -> PairSeries:
    def guards(plugin: Plugin, user: str) -> Guard:
        return Guard("regression", f"{type(plugin).__name__} {user}", EventClock())

    def recall(start: int, end: int) -> list[PairPoint]:
        return [point for point in recorded or [] if start <= point.ts < end]

    return PairSeries(PairSpec("Y-X", "1s", made(name, window)), guards, reopen=0, recall=recall)


bars = partial(fakes.flat_bars, symbol="S", every="1s")


@every_method
@pytest.mark.parametrize("odd", [pytest.param(odd, id=what) for what, odd in odd_legs()])
def test_odd_prices_give_none_or_finite_numbers(name: str, odd: Legs) -> None:
    regression = made(name)
    answers = [regression.fit(*odd)]
    if np.isfinite(odd).all():
        answers += regression.rolling(*odd)
    for hedge in filter(None, answers):
        assert_finite(hedge, name)


@every_method
@pytest.mark.parametrize("prices", [[], [1.0, np.nan, 3.0]])
def test_without_a_finite_pair_there_is_no_fit(name: str, prices: list[float]) -> None:
    assert made(name).fit(np.array(prices), np.array(prices)) is None


@every_method
def test_requests_are_bounded_where_a_bar_of_a_long_window_takes_long(name: str) -> None:
    assert takes_long(type(made(name))) == (name in ("huber", "quantile", "theil-sen"))


@every_method
def test_the_settings_of_a_given_hedge(name: str) -> None:
    regression = made(name)
    assert regression.given == {"beta", "alpha"}.issubset(regression.__struct_fields__) == (name in REGISTRY.of_given_hedge())


@every_method
def test_a_restart_gives_the_same_points(name: str) -> None:
    y, x = (bars(leg) for leg in legs(3, 7 * WINDOW + 3))
    whole = series(name).add(y, x)
    for ago in (0, 1, WINDOW // 2, WINDOW - 1):
        end = len(y) - ago
        begin = end - series(name).spec.memory
        again = series(name, recorded=whole).add(y[begin:end], x[begin:end])
        assert again[-1] == whole[len(whole) - 1 - ago]


@every_method
def test_a_mended_bar_gives_the_points_of_a_fresh_run(name: str) -> None:
    y, x = (bars(leg) for leg in legs(3, 9 * WINDOW))
    at = len(y) - 2
    kept = series(name)
    kept.add(y, x)
    mended = msgspec.structs.replace(y[at], close=y[at].close * 1.001, revision=1)
    again = kept.add([mended], [])
    fresh = series(name).add([*y[:at], mended, *y[at + 1 :]], x)
    assert [msgspec.structs.replace(point, revision=0) for point in again] == fresh[-len(again) :]
    assert again[-1].ts == y[-1].ts


@every_method
def test_a_bar_that_is_mended_after_a_restart_gives_the_same_points(name: str) -> None:
    y, x = (bars(leg) for leg in legs(3, 9 * WINDOW))
    at = len(y) - 2
    mended = msgspec.structs.replace(y[at], close=y[at].close * 1.001, revision=1)
    whole = series(name)
    recorded = whole.add(y, x)
    wanted = whole.add([mended], [])
    begin = len(y) - (5 if series(name).spec.regression.recursive else whole.spec.memory)
    after = series(name, recorded=recorded)
    after.add(y[begin:], x[begin:])
    found = after.add([mended], [])
    assert [point.hedge for point in found][-2:] == [point.hedge for point in wanted][-2:]


@every_method
def test_rolling_answers_what_the_flow_does(name: str) -> None:
    y, x = legs(3, 4 * WINDOW)
    pair = series(name)
    hedges = made(name).rolling(y, x, pair.spec.offset)
    assert len(hedges) == len(y)
    assert [hedge for hedge in hedges if hedge] == [point.hedge for point in pair.add(bars(y), bars(x))]


@every_method
def test_the_api_knows_it_in_any_case(name: str) -> None:
    analytics = fake_services().analytics
    analytics.regressions = NAMES
    for text in (name, name.upper(), name.title()):
        assert method(analytics, text).name == name
