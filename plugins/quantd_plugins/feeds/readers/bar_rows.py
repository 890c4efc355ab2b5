"""Converts the rows of a table to bars."""

import math
from collections.abc import Sequence
from typing import Any

import quantd
from quantd_plugins.feeds.imported import imported
from quantd_plugins.feeds.readers.columns import PRICES
from quantd_plugins.feeds.readers.names import plain, symbol_of
from quantd_plugins.feeds.readers.row import TOO_MUCH
from quantd_plugins.feeds.readers.stamps import SMALL, raw, written
from quantd_plugins.feeds.readers.table import Table


class BarRows:
    """Reads the cells of a row; `path` names the symbol if no column does."""

    def __init__(self, table: Table, path: str) -> None:
        self._number = table.number
        self._symbol = symbol_of(path)
        at = self._columns = table.columns
        self._of_time, self._of_symbol, self._of_every = at["ts"], at.get("symbol"), at.get("every")
        self._of_prices = [at[name] for name in (*PRICES, "volume")]
        self._more = [name for name in ("quote_volume", "taker_buy_volume", "trades") if name in at]

    def key(self, cells: Sequence[Any]) -> tuple[str, str, float, bool]:
        """Return the label of the timeframe, the symbol, the time, and whether the time is ISO 8601. Raises ValueError."""
        symbol = self._symbol if self._of_symbol is None else plain(str(cells[self._of_symbol]))
        if not symbol or not symbol.isprintable():
            raise ValueError("no symbol")
        time, iso = raw(cells[self._of_time])
        if time < 0:
            raise ValueError("a time before 1970")
        return "" if self._of_every is None else cells[self._of_every], symbol, time, iso

    def bar(self, cells: Sequence[Any], label: str, unit: int, frame: quantd.Timeframe) -> quantd.Bar | None:
        """Return the bar of a row, whose small times count `unit` ms; None if its timeframe has another label. Raises ValueError."""
        own, symbol, time, _ = self.key(cells)
        if own != label:
            return None
        number = self._number
        first, high, low, last, volume = [number(cells[at]) for at in self._of_prices]
        if not (0 < low <= first <= high < TOO_MUCH and low <= last <= high and 0 <= volume < math.inf):
            raise ValueError(f"open {first}, high {high}, low {low}, close {last}, volume {volume} are no bar's")
        ts = milliseconds(time, unit)
        if frame.floor(ts) != ts:
            raise ValueError(f"{written(ts)} is not where a bar of {frame.name} opens")
        more = {name: self._optional(name, cells) for name in self._more}
        return imported(symbol, frame.name, ts, (first, high, low, last), volume, **more)

    def _optional(self, name: str, cells: Sequence[Any]) -> float | None:
        cell = cells[self._columns[name]]
        if cell == "":
            return None
        number = self._number(cell)
        if not 0 <= number < math.inf:
            raise ValueError(f"{name} {number} is none")
        return number


def milliseconds(time: float, unit: int) -> int:
    """Return a time in ms, where small numbers count `unit` ms."""
    return round(time * unit) if time < SMALL else int(time)
