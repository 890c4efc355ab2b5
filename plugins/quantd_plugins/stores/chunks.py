"""Ticks in chunks: one row for each symbol and second, with its ticks packed as a numpy array."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

import quantd

COLUMNS = ("id", "ts", "recv", "price", "qty", "buyer_maker")
TICK = np.dtype(list(zip(COLUMNS, ("<i8", "<i8", "<i8", "<f8", "<f8", "?"), strict=True)))
"""A packed tick: the rows of `quantd.TickBatch`."""
SECOND = 1000

ChunkRow = tuple[str, int, int, int, int, int, bytes]
"""symbol, first_id, last_id, n, ts0, ts1, ticks."""


def pack(ticks: Sequence[quantd.Tick]) -> Iterator[ChunkRow]:
    """Yield the rows that hold these ticks, in the order in which they begin; ticks are sorted by id within a row."""
    if not ticks:
        return
    received = quantd.TickBatch.of(ticks)
    order = _by_row(received)
    batch = received.take(order)
    codes, ticks_by_row = batch.codes, batch.rows
    times = np.ascontiguousarray(ticks_by_row["ts"])
    begins = times // SECOND
    starts = np.concatenate(([0], np.flatnonzero((codes[1:] != codes[:-1]) | (begins[1:] != begins[:-1])) + 1))
    ends = np.append(starts[1:], len(times))
    ids = ticks_by_row["id"]
    columns = (
        starts,
        ends,
        codes[starts],
        ids[starts],
        ids[ends - 1],
        np.minimum.reduceat(times, starts),
        np.maximum.reduceat(times, starts),
    )
    in_turn = np.argsort(np.minimum.reduceat(order, starts))
    for start, end, code, first_id, last_id, ts0, ts1 in zip(*(column[in_turn].tolist() for column in columns), strict=True):
        yield batch.symbols[code], first_id, last_id, end - start, ts0, ts1, ticks_by_row[start:end].tobytes()


def _by_row(batch: quantd.TickBatch) -> NDArray[np.intp]:
    """Return the order of ticks by symbol, second and id. Ticks of the same id stay in their order."""
    order = np.argsort(batch.codes, kind="stable")
    codes, begins, ids = batch.codes[order], batch.rows["ts"][order] // SECOND, batch.rows["id"][order]
    in_order = (begins[1:] > begins[:-1]) | ((begins[1:] == begins[:-1]) & (ids[1:] >= ids[:-1]))
    if np.all(in_order | (codes[1:] != codes[:-1])):
        return order
    return np.lexsort((batch.rows["id"], batch.rows["ts"] // SECOND, batch.codes))


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
