"""The methods that a recursive regression may offer for many pairs at once."""

from typing import TYPE_CHECKING, Protocol

from quantd.stats import FloatArray, IntArray
from quantd.stats.columns.hedges import HedgeColumns

if TYPE_CHECKING:
    from quantd.plugin.regression import Regression

__all__ = ["HedgeColumns", "RegressionColumns"]


class RegressionColumns(Protocol):
    """Instances of a recursive regression for many pairs, all with the same settings, one a column.

    Columns have the numbers 0 to P - 1. `which` is always an array of different column numbers, in any order. Each column gives the same
    bits as an instance that is called alone, so that a pair can move between the two at any bar.
    """

    def add(self) -> int:
        """Append a column with a fresh instance; return its number, P."""

    def drop(self, p: int) -> None:
        """Remove a column. The columns after it move up by one, as in a list."""

    def load(self, p: int, regression: "Regression") -> None:
        """Continue a column from an instance, which belongs to the column from then on."""

    def regression(self, p: int) -> "Regression":
        """Return an instance in the state of a column. It shares nothing with the column."""

    def step(self, which: IntArray, index: IntArray, y: FloatArray, x: FloatArray) -> None:
        """Process one more bar of each of these columns, as `Regression.update`. The arrays have the shape (len(which),); `index` holds
        the absolute numbers of the bars, and prices are finite. An error of one column is raised after the others were stepped; there is
        no hedge of that column then."""

    def hedges(self, which: IntArray) -> HedgeColumns:
        """Return what `Regression.update` returned for the last bar of each of these columns; the arrays have the shape (len(which),)."""

    def states(self, which: IntArray) -> list[bytes | None]:
        """Return the `Regression.state` of each of these columns."""
