"""Formats recorded rows as lines of CSV."""

import csv
import io
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from quantd.model import Bar, PairPoint
from quantd.plugin.base import Columns
from quantd.rows import cells

TICKS = ("id", "ts", "price", "qty", "buyer_maker")
"""The columns of trades."""
_BLOCK = 10_000


def tick_lines(ticks: Columns) -> Iterator[str]:
    """Yield a line for each trade, with the columns `TICKS` and the exchange's decimals. Each text holds many lines."""
    for start in range(0, len(ticks["id"]), _BLOCK):
        ids, times, prices, quantities, sells = (ticks[name][start : start + _BLOCK].tolist() for name in TICKS)
        texts = map(str, ids), map(str, times), map(decimal, prices), map(decimal, quantities), map(("false", "true").__getitem__, sells)
        yield "".join([f"{','.join(line)}\n" for line in zip(*texts, strict=True)])


def row_lines(rows: Sequence[Bar] | Sequence[PairPoint], columns: Sequence[str]) -> str:
    """Return a line for each row, with these columns."""
    return lines(cells(row, columns) for row in rows)


def lines(rows: Iterable[Sequence[Any]]) -> str:
    """Return a line for each list of cells."""
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    return text.getvalue()


def decimal(value: float) -> str:
    """Return the shortest decimal that reads back to the same float, never with an exponent.

    >>> decimal(100.0), decimal(0.1), decimal(1e-7), decimal(1e22)
    ('100', '0.1', '0.0000001', '10000000000000000000000')
    """
    text = repr(value)
    if "e" in text:
        import numpy as np

        return np.format_float_positional(value, trim="-")
    return text.removesuffix(".0")
