"""Writes the rows of `/api/v1` from columns, as JSON, NDJSON or CSV: a column is encoded in one piece, and no row becomes a struct.

The text of each cell is that of JSON. The rows are those that `rows` makes of the structs; a test holds both to each other.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Literal

import numpy as np
from msgspec import Struct
from msgspec.json import Encoder, decode
from numpy.typing import NDArray

from quantd.api.schema import rows
from quantd.columns.bars import ABSENT, BarColumns
from quantd.columns.point_series import PointSeries
from quantd.columns.points import NO_METRICS, QUALITIES, why
from quantd.columns.ticks import TickRun
from quantd.times import iso

Format = Literal["json", "ndjson", "csv"]
_encode = Encoder().encode
_QUALITIES = [_encode(quality) for quality in QUALITIES]


_PRICES = ("open", "high", "low", "close", "volume")


class Table(Struct, frozen=True):
    """Rows as columns: the texts of the cells, as many in each column, by the column's name."""

    cells: Mapping[str, Sequence[bytes]]


# --- tables of rows -----------------------------------------------------------------------------------------------------------------


def of_bars(bars: BarColumns) -> Table:
    """Return the table of `rows.bar`."""
    finite = np.isfinite(sum(bars.column(name) for name in _PRICES))
    bars = bars.take(np.flatnonzero(finite).tolist()) if not finite.all() else bars
    numbers = {name: _texts(bars.column(name).tolist()) for name in (*_PRICES, "vwap", "taker_buy_volume")}
    counts = {name: _texts(_counts(bars.column(name))) for name in ("trades", "first_id", "last_id")}
    codes = {"quality": [_QUALITIES[code] for code in bars.column("quality").tolist()]}
    heads = _heads(bars.ts, symbol=bars.symbol, every=bars.every)
    return _table(rows.BarRow, heads | numbers | counts | codes | {"revision": _texts(bars.column("revision").tolist())})


def of_points(points: PointSeries) -> Table:
    """Return the table of `rows.point`."""
    if points.exact:
        return of_rows(rows.PointRow, [row for point in points if (row := rows.point(point))])
    points = points.take(np.isfinite(sum(points.column(name) for name in ("y", "x", "alpha", "beta", "spread"))))
    texts = {name: _texts(points.column(_NAMES.get(name, name)).tolist()) for name in _NUMBERS}
    reasons = map(why, *(map(_known, points.column(name).tolist()) for name in ("zscore", "spread_std")))
    marks = {"n": _texts(points.marks[0].tolist()), "revision": _texts(points.marks[2].tolist())}
    others = {"quality": [_QUALITIES[code] for code in points.marks[1].tolist()], "reason": list(map(_encode, reasons))}
    metrics = {"metrics": [_encode(points.metrics.get(ts, NO_METRICS)) for ts in points.ts.tolist()]}
    return _table(rows.PointRow, _heads(points.ts, pair=points.pair, every=points.every) | texts | marks | others | metrics)


_NAMES = {"beta_stderr": "stderr"}
_NUMBERS = (
    *("y", "x", "alpha", "beta", "beta_stderr", "r2"),
    *("spread", "spread_mean", "spread_std", "zscore", "corr", "corr_returns", "coverage"),
)


def of_ticks(ticks: TickRun) -> Table:
    """Return the table of `rows.trade`."""
    found = ticks.rows[np.isfinite(ticks.rows["price"] + ticks.rows["qty"])]
    texts = {name: _texts(found[name].tolist()) for name in ("id", "price", "qty", "buyer_maker")}
    return _table(rows.TradeRow, _heads(found["ts"], symbol=ticks.symbol) | texts)


def of_rows(cls: type[Struct], given: Sequence[Struct]) -> Table:
    """Return the table of rows that are structs."""
    return _table(cls, {name: [_encode(getattr(row, name)) for row in given] for name in cls.__struct_fields__})


def _table(cls: type[Struct], cells: Mapping[str, Sequence[bytes]]) -> Table:
    """Return a table whose columns are in the order of the fields of a row."""
    return Table({name: cells[name] for name in cls.__struct_fields__})


def _heads(ts: NDArray[np.int64], **names: str) -> dict[str, list[bytes]]:
    """Return the columns that say of what series and time a row is."""
    return {name: [_encode(text)] * len(ts) for name, text in names.items()} | {"ts": [b'"%b"' % iso(at).encode() for at in ts.tolist()]}


def _texts(values: Sequence[float | None]) -> list[bytes]:
    """Return the texts of numbers. One that is not finite is null."""
    return _encode(values)[1:-1].split(b",") if values else []


def _counts(column: NDArray[np.int64]) -> list[int | None]:
    return [None if count == ABSENT else count for count in column.tolist()]


def _known(value: float) -> float | None:
    return None if value != value else value


# --- texts of tables ----------------------------------------------------------------------------------------------------------------


def text(table: Table, form: Format) -> bytes:
    """Return the rows of a table as a text: a JSON array, a line of JSON for each, or CSV with a header."""
    if form == "csv":
        return ",".join(table.cells).encode() + b"\r\n" + _joined(_csv_columns(table), b"", b"\r\n")
    objects = _joined(_json_columns(table), b"{", b"}\n" if form == "ndjson" else b"},")
    return objects if form == "ndjson" else b"[%b]" % objects[:-1]


def _json_columns(table: Table) -> Iterable[tuple[bytes, Sequence[bytes]]]:
    """Yield what stands before each cell of a column, and the cells."""
    for at, (name, cells) in enumerate(table.cells.items()):
        yield b'%b"%b":' % (b"," if at else b"", name.encode()), cells


def _csv_columns(table: Table) -> Iterable[tuple[bytes, Sequence[bytes]]]:
    for at, cells in enumerate(table.cells.values()):
        yield b"," if at else b"", list(map(_csv_cell, cells))


def _csv_cell(cell: bytes) -> bytes:
    """Return the cell of CSV for one of JSON.

    >>> [_csv_cell(cell) for cell in (b"null", b"1.5", b'"a,b"', b'{"x":1}')]
    [b'', b'1.5', b'"a,b"', b'"{""x"":1}"']
    """
    if cell == b"null":
        return b""
    is_text = cell[:1] == b'"'
    if not is_text and cell[:1] != b"{":
        return cell
    if is_text and b"," not in cell and b"\\" not in cell:
        return cell[1:-1]
    plain: str = decode(cell) if is_text else cell.decode()
    return b'"%b"' % plain.replace('"', '""').encode()


def _joined(columns: Iterable[tuple[bytes, Sequence[bytes]]], begin: bytes, end: bytes) -> bytes:
    """Return the rows: each begins and ends as told, and has the cells in between."""
    found = list(columns)
    count, width = len(found[0][1]), 2 * len(found) + 1
    parts = [end] * (width * count)
    for at, (before, cells) in enumerate(found):
        parts[2 * at :: width] = [(begin if at == 0 else b"") + before] * count
        parts[2 * at + 1 :: width] = cells
    return b"".join(parts)
