"""The bars of one series, as columns."""

import math
from collections.abc import Iterator, Mapping, Sequence
from struct import Struct
from typing import Any, overload

import numpy as np
from numpy.typing import NDArray

from quantd.columns.points import CODE, QUALITIES
from quantd.model import Bar

BAR = np.dtype(
    [
        *((name, "<f8") for name in ("open", "high", "low", "close", "volume", "vwap", "taker_buy_volume")),
        *((name, "<i8") for name in ("trades", "first_id", "last_id")),
        ("revision", "<i4"),
        ("quality", "u1"),
    ]
)
"""A bar without its time: 85 bytes. NaN and ABSENT stand for None; the quality is its place in QUALITIES."""
ABSENT = -(2**63)
pack_into = Struct("<7d3qiB").pack_into
"""Writes the values of `values` into a buffer of BAR."""
Rows = NDArray[np.void]
"""An array of BAR."""


def values(bar: Bar) -> tuple[float, float, float, float, float, float, float, int, int, int, int, int]:
    """Return the values of a bar in the order of BAR."""
    return (
        bar.open,
        bar.high,
        bar.low,
        bar.close,
        bar.volume,
        math.nan if bar.vwap is None else bar.vwap,
        math.nan if bar.taker_buy_volume is None else bar.taker_buy_volume,
        ABSENT if bar.trades is None else bar.trades,
        ABSENT if bar.first_id is None else bar.first_id,
        ABSENT if bar.last_id is None else bar.last_id,
        bar.revision,
        CODE[bar.quality],
    )


class BarColumns(Sequence[Bar]):
    """The bars of one series, ascending. The struct of a bar is made when it is read.

    `ts` has the shape (k,) and holds the open times (ms), `rows` has the shape (k,) and the type BAR. `states` are what the rule of event
    bars carries over, by time (ms).
    """

    __slots__ = ("every", "rows", "states", "symbol", "ts")

    def __init__(self, symbol: str, every: str, ts: NDArray[np.int64], rows: Rows, states: Mapping[int, bytes] | None = None) -> None:
        self.symbol = symbol
        self.every = every
        self.ts = ts
        self.rows = rows
        self.states: Mapping[int, bytes] = states or {}

    @classmethod
    def of(cls, symbol: str, every: str, bars: Sequence[Bar]) -> "BarColumns":
        """Return the columns of these bars of one series."""
        ts = np.array([bar.ts for bar in bars], np.int64)
        states = {bar.ts: bar.state for bar in bars if bar.state is not None}
        return cls(symbol, every, ts, np.array([values(bar) for bar in bars], BAR), states)

    @classmethod
    def joined(cls, symbol: str, every: str, pieces: Sequence["BarColumns"]) -> "BarColumns":
        """Return the bars of pieces of one series that follow one another."""
        if len(pieces) == 1:
            return pieces[0]
        parts = (cls.of(symbol, every, ()), *pieces)
        states = {ts: state for each in parts for ts, state in each.states.items()}
        return cls(symbol, every, np.concatenate([each.ts for each in parts]), np.concatenate([each.rows for each in parts]), states)

    def column(self, name: str) -> NDArray[Any]:
        """Return one of the fields of BAR, of shape (k,)."""
        return self.rows[name]

    def raw(self) -> list[bytes]:
        """Return the bytes of each of `rows`: those of equal bars are equal, but for their times and states."""
        found: list[bytes] = self.rows.view(f"V{BAR.itemsize}").tolist()
        return found

    def take(self, which: slice | Sequence[int]) -> "BarColumns":
        """Return the bars at these places."""
        return BarColumns(self.symbol, self.every, self.ts[which], self.rows[which], self.states)

    def __len__(self) -> int:
        return len(self.ts)

    @overload
    def __getitem__(self, at: int) -> Bar: ...

    @overload
    def __getitem__(self, at: slice) -> "BarColumns": ...

    def __getitem__(self, at: int | slice) -> "Bar | BarColumns":
        if isinstance(at, slice):
            return self.take(at)
        ts = int(self.ts[at])
        return bar_of((self.symbol, self.every, ts), self.rows[at].item(), self.states.get(ts))

    def __iter__(self) -> Iterator[Bar]:
        for ts, row in zip(self.ts.tolist(), self.rows.tolist(), strict=True):
            yield bar_of((self.symbol, self.every, ts), row, self.states.get(ts))


def bar_of(key: tuple[str, str, int], row: tuple[Any, ...], state: bytes | None) -> Bar:
    """Return the struct of a bar. `key` is its symbol, timeframe and time (ms), `row` has the values of BAR."""
    open_, high, low, close, volume, vwap, taker, trades, first, last, revision, quality = row
    return Bar(
        *key,
        open_,
        high,
        low,
        close,
        volume,
        None if trades == ABSENT else trades,
        None if vwap != vwap else vwap,
        None if taker != taker else taker,
        QUALITIES[quality],
        revision,
        None if first == ABSENT else first,
        None if last == ABSENT else last,
        state,
    )
