"""Ticks in chunks: one row a symbol and second, its ticks packed as a numpy array is."""

import struct
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from operator import attrgetter
from typing import Any

import numpy as np
from numpy.typing import NDArray

import quantd

COLUMNS = ("id", "ts", "recv", "price", "qty", "buyer_maker")
TICK = np.dtype(list(zip(COLUMNS, ("<i8", "<i8", "<i8", "<f8", "<f8", "?"), strict=True)))
SECOND = 1000

_id = attrgetter("id")
_pack = struct.Struct("<qqqdd?").pack

ChunkRow = tuple[str, int, int, int, int, int, bytes]
"""symbol, first_id, last_id, n, ts0, ts1, ticks."""


def pack(ticks: Iterable[quantd.Tick]) -> Iterator[ChunkRow]:
    """The rows that hold these ticks; within a row they stand by id."""
    seconds: defaultdict[tuple[str, int], list[quantd.Tick]] = defaultdict(list)
    symbol, begin, end = None, 0, 0
    for tick in ticks:  # which come in runs
        if tick.symbol is not symbol or not begin <= tick.ts < end:
            symbol, begin = tick.symbol, tick.ts - tick.ts % SECOND
            end, add = begin + SECOND, seconds[symbol, begin].append
        add(tick)
    for (symbol, _), chunk in seconds.items():
        chunk.sort(key=_id)
        times = [tick.ts for tick in chunk]
        packed = b"".join([_pack(tick.id, tick.ts, tick.recv, tick.price, tick.qty, tick.buyer_maker) for tick in chunk])
        yield symbol, chunk[0].id, chunk[-1].id, len(chunk), min(times), max(times), packed


def unpack(chunks: Sequence[bytes], start: int, end: int) -> dict[str, NDArray[Any]]:
    """The columns of the ticks of start <= ts < end, by id, each id once: as it stands in the earliest chunk."""
    ticks = np.frombuffer(b"".join(chunks), TICK)
    ids = ticks["id"]
    if not np.all(ids[1:] > ids[:-1]):
        ticks = ticks[np.unique(ids, return_index=True)[1]]
    ticks = ticks[(ticks["ts"] >= start) & (ticks["ts"] < end)]
    return {name: np.ascontiguousarray(ticks[name]) for name in COLUMNS}


def newest(chunk: bytes) -> tuple[int, int]:
    """Id and ts of its last tick: the one with the greatest id."""
    last = np.frombuffer(chunk, TICK)[-1]
    return int(last["id"]), int(last["ts"])
