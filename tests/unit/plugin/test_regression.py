"""What a regression offers beside `fit`."""

import pytest

import quantd
from quantd.plugin.regression import Regression, offers_many
from quantd_plugins.regressions.kalman import Kalman
from quantd_plugins.regressions.ols import Ols
from quantd_plugins.regressions.rls import Rls


class Renamed(Kalman):
    """The same with other defaults."""

    window: int = 30


class Other(Kalman):
    """Has an update of its own, which the columns of its base do not know."""

    def update(self, index: int, y: float, x: float) -> quantd.Hedge | None:
        return super().update(index, y, -x)


class Both(Other):
    """Has columns for it, too."""

    def columns(self) -> quantd.RegressionColumns:
        raise NotImplementedError


@pytest.mark.parametrize(("cls", "columns"), [(Ols, False), (Rls, True), (Kalman, True), (Renamed, True), (Other, False), (Both, True)])
def test_columns_are_offered_by_who_has_them_for_its_own_steps(cls: type[Regression], *, columns: bool) -> None:
    assert offers_many(cls, "columns") is columns
