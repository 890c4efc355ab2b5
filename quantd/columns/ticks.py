"""Trades as columns: a batch of several symbols in the order of receipt, and a run of one symbol."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from struct import Struct
from typing import Any, NamedTuple, overload

import numpy as np
from numpy.typing import NDArray

from quantd.model import Tick

COLUMNS = ("id", "ts", "recv", "price", "qty", "buyer_maker")
TICK = np.dtype(list(zip(COLUMNS, ("<i8", "<i8", "<i8", "<f8", "<f8", "?"), strict=True)))
"""A row: a trade without its symbol, packed into 41 bytes."""
TOO_MUCH = 1e12
"""No price and no quantity is as large, so that their squares and sums stay within range."""
SIZE = TICK.itemsize
_OPAQUE = np.dtype((np.void, SIZE))
"""A row without its fields: numpy copies it many times as fast."""
_STRUCT = Struct("<qqqdd?")
pack = _STRUCT.pack
"""Packs the values of COLUMNS into a row. Raises struct.error for a value of a wrong type."""
unpack_from = _STRUCT.unpack_from
"""Returns the values of COLUMNS of the row at an offset."""
Rows = NDArray[np.void]


class RunFacts(NamedTuple):
    """Facts about a run whose trades are all valid and whose ids count up by one."""

    first_id: int
    last_id: int
    start: int
    """The smallest `ts` (ms)."""
    end: int
    """The greatest `ts` (ms)."""
    open: float
    high: float
    low: float
    close: float
    last_ts: int
    """The `ts` (ms) of the last trade."""


class TickRun(Sequence[Tick]):
    """Trades of one symbol, in the order of receipt. The struct of a trade is made when it is read. `packed` are their rows, one after the
    other. A run is not changed after it was made."""

    __slots__ = ("facts", "packed", "symbol")

    def __init__(self, symbol: str, packed: bytes, facts: RunFacts | None = None) -> None:
        """`facts` may be given where it is known; None says nothing."""
        self.symbol = symbol
        self.packed = packed
        self.facts = facts

    @property
    def rows(self) -> Rows:
        """The rows as an array of the type `TICK`, of shape (n,)."""
        return np.frombuffer(self.packed, TICK)

    def __len__(self) -> int:
        return len(self.packed) // SIZE

    @overload
    def __getitem__(self, at: int) -> Tick: ...

    @overload
    def __getitem__(self, at: slice) -> "TickRun": ...

    def __getitem__(self, at: int | slice) -> "Tick | TickRun":
        if isinstance(at, slice):
            start, stop, step = at.indices(len(self))
            return TickRun(self.symbol, self.packed[start * SIZE : stop * SIZE] if step == 1 else packed_of(list(self)[at]))
        return Tick(self.symbol, *unpack_from(self.packed, range(len(self))[at] * SIZE))

    def __iter__(self) -> Iterator[Tick]:
        symbol = self.symbol
        return (Tick(symbol, *row) for row in _STRUCT.iter_unpack(self.packed))


class TickBatch(Sequence[Tick]):
    """Trades of several symbols, in the order of receipt. The struct of a trade is made when it is read. `codes`, of shape (n,), are the
    places of their names in `symbols`; `rows` has the type `TICK` and the same shape, and is contiguous.
    A batch is not changed after it was made."""

    __slots__ = ("codes", "rows", "symbols")
    pack = pack

    def __init__(self, symbols: Sequence[str], codes: NDArray[np.uint16], rows: Rows) -> None:
        self.symbols = symbols
        self.codes = codes
        self.rows = rows

    @classmethod
    def of(cls, ticks: Sequence[Tick]) -> "TickBatch":
        """Make a batch of structs."""
        if isinstance(ticks, TickBatch):
            return ticks
        if isinstance(ticks, TickRun):
            return cls((ticks.symbol,), np.zeros(len(ticks), np.uint16), ticks.rows)
        places: dict[str, int] = {}
        codes = np.array([places.setdefault(tick.symbol, len(places)) for tick in ticks], np.uint16)
        return cls(list(places), codes, np.frombuffer(bytearray(packed_of(ticks)), TICK))

    @classmethod
    def packed(cls, symbols: Sequence[str], codes: Sequence[int], packed: Sequence[bytes]) -> "TickBatch":
        """Make a batch of trades that `pack` has packed."""
        return cls(symbols, np.array(codes, np.uint16), np.frombuffer(bytearray().join(packed), TICK))

    @classmethod
    def joined(cls, pieces: Iterable[Sequence[Tick]]) -> "TickBatch":
        """Make one batch of batches, runs and lists of structs."""
        places: dict[str, int] = {}
        codes, packed = [np.zeros(0, np.uint16)], list[bytes]()
        for is_run, group in groupby(pieces, lambda piece: isinstance(piece, TickRun)):
            if is_run:
                runs: list[Any] = list(group)
                of_runs = [places.setdefault(run.symbol, len(places)) for run in runs]
                codes.append(np.repeat(np.array(of_runs, np.uint16), [len(run) for run in runs]))
                packed += [run.packed for run in runs]
            else:
                for batch in map(cls.of, _flat(group)):
                    names = np.array([places.setdefault(name, len(places)) for name in batch.symbols], np.uint16)
                    codes.append(names[batch.codes] if len(batch) else batch.codes)
                    packed.append(batch.rows.tobytes())
        return cls(list(places), np.concatenate(codes), np.frombuffer(bytearray().join(packed), TICK))

    def column(self, name: str) -> NDArray[Any]:
        """Return one of the columns, of shape (n,) and contiguous."""
        return np.ascontiguousarray(self.rows[name])

    def __len__(self) -> int:
        return len(self.rows)

    @overload
    def __getitem__(self, at: int) -> Tick: ...

    @overload
    def __getitem__(self, at: slice) -> "TickBatch": ...

    def __getitem__(self, at: int | slice) -> "Tick | TickBatch":
        if isinstance(at, slice):
            return TickBatch(self.symbols, self.codes[at], np.ascontiguousarray(self.rows[at]))
        return Tick(self.symbols[self.codes[at]], *unpack_from(self.rows.data, range(len(self))[at] * SIZE))

    def __iter__(self) -> Iterator[Tick]:
        names = map(self.symbols.__getitem__, self.codes.tolist())
        return (Tick(name, *row) for name, row in zip(names, _STRUCT.iter_unpack(self.rows.data), strict=True))

    def copied(self) -> "TickBatch":
        """Return an equal batch that keeps no larger one in memory, of which it was a part."""
        return TickBatch(self.symbols, self.codes.copy(), np.frombuffer(bytearray(self.rows), TICK))

    def take(self, places: NDArray[np.intp]) -> "TickBatch":
        """Return a batch of the trades at these places."""
        return TickBatch(self.symbols, self.codes[places], self.rows.view(_OPAQUE).take(places).view(TICK))

    def runs(self) -> list[TickRun]:
        """Return the trades of each symbol as a run, with the facts about it if it is plain."""
        if not len(self):
            return []
        sorted_by_symbol = self.take(np.argsort(self.codes, kind="stable"))
        codes, rows = sorted_by_symbol.codes, sorted_by_symbol.rows
        starts = np.concatenate(([0], np.flatnonzero(codes[1:] != codes[:-1]) + 1))
        ends = np.append(starts[1:], len(rows))
        facts = _facts(rows, starts, ends)
        names = map(self.symbols.__getitem__, codes[starts].tolist())
        packed = rows.tobytes()
        pieces = [packed[start:end] for start, end in zip((starts * SIZE).tolist(), (ends * SIZE).tolist(), strict=True)]
        return list(map(TickRun, names, pieces, facts))


def packed_of(ticks: Sequence[Tick]) -> bytes:
    """Return the rows of trades of any symbols, one after the other."""
    if isinstance(ticks, TickRun):
        return ticks.packed
    return b"".join([pack(tick.id, tick.ts, tick.recv, tick.price, tick.qty, tick.buyer_maker) for tick in ticks])


def _flat(pieces: Iterable[Sequence[Tick]]) -> Iterator[Sequence[Tick]]:
    """Join neighbouring lists: it costs much to make columns of a few structs."""
    for is_batch, group in groupby(pieces, lambda piece: isinstance(piece, TickBatch)):
        if is_batch:
            yield from group
        else:
            yield [tick for piece in group for tick in piece]


def _facts(rows: Rows, starts: NDArray[np.intp], ends: NDArray[np.intp]) -> list[RunFacts | None]:
    """Return the facts about each run of rows[start:end]; None for one that is not plain."""
    ids, times, prices, quantities = (np.ascontiguousarray(rows[name]) for name in ("id", "ts", "price", "qty"))
    good = (prices > 0.0) & (prices < TOO_MUCH) & (quantities >= 0.0) & (quantities < TOO_MUCH)
    follows = np.empty(len(rows), np.bool_)
    follows[1:] = ids[1:] - ids[:-1] == 1
    follows[starts] = ids[starts] > 0
    plain = np.logical_and.reduceat(good & follows, starts).tolist()
    lasts = ends - 1
    columns = (
        ids[starts],
        ids[lasts],
        np.minimum.reduceat(times, starts),
        np.maximum.reduceat(times, starts),
        prices[starts],
        np.maximum.reduceat(prices, starts),
        np.minimum.reduceat(prices, starts),
        prices[lasts],
        times[lasts],
    )
    facts = map(RunFacts, *(column.tolist() for column in columns))
    return [each if is_plain else None for each, is_plain in zip(facts, plain, strict=True)]
