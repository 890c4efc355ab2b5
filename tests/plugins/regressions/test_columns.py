"""Recursive regressions of many pairs against an instance of each, with settings that the defaults do not reach."""

from collections.abc import Callable
from typing import Any

import msgspec
import numpy as np
import pytest

from quantd.plugin.regression import Regression
from quantd.testing.checks import columns
from quantd_plugins.regressions.kalman import Kalman
from quantd_plugins.regressions.rls import Rls

VARIANTS: list[tuple[type[Regression], dict[str, Any]]] = [
    (Kalman, {"window": 20, "walks": "learned"}),
    (Kalman, {"window": 20, "prices": "log"}),
    (Kalman, {"window": 20, "clip": None}),
    (Kalman, {"window": 20, "breaks": 0, "noise": 0.01}),
    (Kalman, {"window": 3, "clip": 1.0, "prior": 100.0}),
    (Rls, {"window": 20, "memory": 1.0}),
    (Rls, {"window": 3, "memory": 0.5}),
]
every_variant = pytest.mark.parametrize(("cls", "settings"), VARIANTS)


@every_variant
@pytest.mark.parametrize("verify", columns.CHECKS)
def test_columns_are_the_instances(cls: type[Regression], settings: dict[str, Any], verify: Callable[[Regression], None]) -> None:
    verify(cls(**settings))


@every_variant
def test_an_instance_that_is_taken_out_shares_nothing_with_its_column(cls: type[Regression], settings: dict[str, Any]) -> None:
    one, other = cls(**settings).columns(), msgspec.structs.replace(cls(**settings))
    p, window = np.array([one.add()]), other.window
    for at in range(3 * window):
        one.regression(0).update(at, 1.0, 2.0)
        y, x = 100.0 + at % 7, 50.0 + at % 5
        one.step(p, p + at, p + y, p + x)
        hedge = other.update(at, y, x)
        assert repr(one.hedges(p).hedge(0)) == repr(hedge)
        assert one.states(p) == [other.state()]
