"""Trades that arrive together, as columns: none of them becomes a struct of its own."""

from array import array
from collections.abc import Iterator, Sequence
from itertools import groupby
from sys import intern

import numpy as np

import quantd
from quantd_plugins.feeds.binance.frames import AggTrade, Frame, Trade

MANY = 64
"""Number of successive trades from which on columns cost less than structs."""
ENOUGH = 16
"""Number of trades of each symbol, on average, from which on they go through the flow as columns at less cost than as structs."""


def stretches(frames: list[Frame]) -> Iterator[tuple[int, list[AggTrade]]]:
    """Yield each stretch of MANY or more successive trades, with the place of its first frame."""
    if len(frames) < MANY:
        return
    messages = [frame.data for frame in frames]
    at = 0
    for kind, group in groupby(messages, type):
        stretch = list(group)
        if kind is AggTrade and len(stretch) >= MANY:
            yield at, stretch  # type: ignore[misc]
        at += len(stretch)


def joined(batches: list[Sequence[quantd.Event]]) -> Sequence[quantd.Event]:
    """Return batches of the same type as one."""
    trades = [batch for batch in batches if isinstance(batch, quantd.TickBatch)]
    return quantd.TickBatch.joined(trades) if trades else [event for batch in batches for event in batch]


class TradeColumns:
    """Makes batches. Each symbol keeps its code for the life of this object."""

    def __init__(self) -> None:
        self._symbols: list[str] = []
        self._codes: dict[str, int] = {}

    def batch(self, trades: Sequence[Trade], recv: int) -> tuple[quantd.TickBatch, dict[str, int]]:
        """Return trades that were received at `recv` (ms) as a batch, and the last id of each symbol in it."""
        symbols = [trade.symbol for trade in trades]
        try:
            codes = array("H", map(self._codes.__getitem__, symbols))
        except KeyError:
            self._learn(symbols)
            codes = array("H", map(self._codes.__getitem__, symbols))
        pack = quantd.TickBatch.pack
        packed = [pack(trade.id, trade.ts, recv, trade.price, trade.qty, trade.buyer_maker) for trade in trades]
        batch = quantd.TickBatch.packed(self._symbols, codes, packed)
        lasts = np.zeros(len(self._symbols), np.int64)
        lasts[batch.codes] = batch.column("id")  # of several ids of a symbol the last one remains
        return batch, {symbol: last for symbol, last in zip(self._symbols, lasts.tolist(), strict=True) if last}

    def _learn(self, symbols: list[str]) -> None:
        for symbol in dict.fromkeys(symbols):
            if symbol not in self._codes:
                self._codes[intern(symbol)] = len(self._symbols)
                self._symbols.append(intern(symbol))
