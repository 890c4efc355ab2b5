"""The rows of the record, by the page."""

from typing import Protocol

from quantd.columns.bars import BarColumns
from quantd.columns.point_series import PointSeries
from quantd.columns.ticks import TickRun
from quantd.history.pages import MOST_ROWS, Page, Want
from quantd.history.recorded import NotRecorded
from quantd.pool import ANYBODY, Asker

__all__ = ["MOST_ROWS", "NotRecorded", "Page", "Record", "Want"]


class Record(Protocol):
    """Recorded rows, and those that will be recorded within a second. Times are ms. Each method raises NotRecorded for a series that does
    not exist, and Busy if the answer takes too long."""

    async def bars(self, symbol: str, every: str, want: Want, asker: Asker = ANYBODY) -> Page[BarColumns]:
        """Return the first closed bars of a range, each at its last revision."""
        ...

    async def points(self, pair: str, every: str, want: Want, asker: Asker = ANYBODY) -> Page[PointSeries]:
        """Return the first points of a range, each at its last revision, all of the current definition."""
        ...

    async def ticks(self, symbol: str, want: Want, from_id: int = 0, asker: Asker = ANYBODY) -> Page[TickRun]:
        """Return the first trades of a range, by id, with ids from `from_id` on."""
        ...
