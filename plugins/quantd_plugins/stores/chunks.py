"""Ticks in chunks: one row for each symbol and second, with its ticks packed as a numpy array."""

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
    """Yield the rows that hold these ticks, sorted by id within a row."""
    seconds: defaultdict[tuple[str, int], list[quantd.Tick]] = defaultdict(list)
    symbol, begin, end = None, 0, 0
    for tick in ticks:  # ticks of a row come in runs
        if tick.symbol is not symbol or not begin <= tick.ts < end:
            symbol, begin = tick.symbol, tick.ts - tick.ts % SECOND
            end, add = begin + SECOND, seconds[symbol, begin].append
        add(tick)
    for (symbol, _), chunk in seconds.items():
        chunk.sort(key=_id)
        times = [tick.ts for tick in chunk]
        packed = b"".join([_pack(tick.id, tick.ts, tick.recv, tick.price, tick.qty, tick.buyer_maker) for tick in chunk])
        yield symbol, chunk[0].id, chunk[-1].id, len(chunk), min(times), max(times), packed


def unpack(chunks: Sequence[bytes], start: int, end: int) -> tuple[dict[str, NDArray[Any]], bool]:
    """Return the columns of the ticks of start <= ts < end, by id, each id once, as in its earliest chunk; and whether all chunks are
    valid. Ticks that cannot be trades are left out.
    """
    whole = [chunk for chunk in chunks if not len(chunk) % TICK.itemsize]
    ticks = np.frombuffer(b"".join(whole), TICK)
    possible = (ticks["price"] > 0) & (ticks["ts"] > start - SECOND) & (ticks["ts"] < end + SECOND)
    sound = len(whole) == len(chunks) and bool(np.all(possible))
    if not sound:
        ticks = ticks[possible]
    ids = ticks["id"]
    if not np.all(ids[1:] > ids[:-1]):
        ticks = ticks[np.unique(ids, return_index=True)[1]]
    ticks = ticks[(ticks["ts"] >= start) & (ticks["ts"] < end)]
    return {name: np.ascontiguousarray(ticks[name]) for name in COLUMNS}, sound


def is_sound(row: Sequence[Any]) -> bool:
    """Return whether the ticks of a row match its key, and can be trades."""
    symbol, first_id, last_id, count, ts0, ts1, packed = row
    if type(symbol) is not str or type(packed) is not bytes or not count or len(packed) != count * TICK.itemsize:
        return False
    ticks = np.frombuffer(packed, TICK)
    ids, times = ticks["id"], ticks["ts"]
    inside = (ids[0], ids[-1], times.min(), times.max()) == (first_id, last_id, ts0, ts1)
    return bool(inside and np.all(ids[1:] >= ids[:-1]) and np.all(ticks["price"] > 0))


def newest(chunk: bytes, last_id: int, ts1: int) -> tuple[int, int]:
    """Return the id and ts of the last tick, the one with the greatest id. If the chunk is damaged, use the columns of its row."""
    last = np.frombuffer(chunk[-TICK.itemsize :], TICK)[-1] if len(chunk) >= TICK.itemsize else None
    return last_id, ts1 if last is None or last["id"] != last_id else int(last["ts"])
