"""The record of a running flow."""

from quantd.columns.bars import BarColumns
from quantd.columns.point_series import PointSeries
from quantd.columns.ticks import TickRun
from quantd.history.history import History
from quantd.history.pages import Page, Pages, Want
from quantd.pool import ANYBODY, Asker, Pool
from quantd.services.record import Record


class LiveRecord(Record):
    """Reads pages in a thread of the pool."""

    def __init__(self, history: History, pool: Pool) -> None:
        self._pages = Pages(history)
        self._pool = pool

    async def bars(self, symbol: str, every: str, want: Want, asker: Asker = ANYBODY) -> Page[BarColumns]:
        return await self._pool.read(asker, self._pages.bars, symbol, every, want)

    async def points(self, pair: str, every: str, want: Want, asker: Asker = ANYBODY) -> Page[PointSeries]:
        return await self._pool.read(asker, self._pages.points, pair, every, want)

    async def ticks(self, symbol: str, want: Want, from_id: int = 0, asker: Asker = ANYBODY) -> Page[TickRun]:
        return await self._pool.read(asker, self._pages.ticks, symbol, want, from_id)
