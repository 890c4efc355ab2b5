"""Reads files of funding rates: the fundingRate files of data.binance.vision, and answers of `GET /fapi/v1/fundingRate`."""

import csv
import io
import json
import math
import zipfile
import zlib
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

from quantd.errors import QuantdError
from quantd.stats.funding import Rates, as_rates

_COLUMNS = ("calc_time", "last_funding_rate")
_FIELDS = ("symbol", "fundingTime", "fundingRate")
_EARLIEST, _LATEST = 10**12, 10**13
"""Bounds of a plausible time, ms: 2001 and 2286."""
_MOST = 1.0
"""Bound of a plausible rate; no venue allows a rate near it."""
_SHOWN = 80


class _Paid(NamedTuple):
    symbol: str
    ts: int
    rate: float
    mark: float


def rates_of(paths: Sequence[str], legs: Sequence[str]) -> dict[str, Rates]:
    """Return the rates of these symbols from all files together. Raises QuantdError, which names the wrong file and row."""
    found: dict[str, list[tuple[int, float, float]]] = {leg: [] for leg in legs}
    for path in paths:
        rows = list(_read(path))
        if not any(row.symbol in found for row in rows):
            held = ", ".join(sorted({row.symbol for row in rows})) or "nothing"
            raise QuantdError(f"--funding: {path} has rates of {held}, and of none of {', '.join(legs)}")
        for row in rows:
            found.get(row.symbol, []).append((row.ts, row.rate, row.mark))
    return {leg: rates for leg, paid in found.items() if (rates := as_rates(paid))}


def _read(path: str) -> Iterable[_Paid]:
    text = _text(path)
    try:
        yield from _of_json(text) if text.lstrip()[:1] in ("[", "{") else _of_csv(text, path)
    except (KeyError, TypeError, ValueError, RecursionError, csv.Error) as error:
        raise QuantdError(f"--funding: {path}: {error}") from None


def _text(path: str) -> str:
    try:
        if not path.lower().endswith(".zip"):
            return Path(path).read_text("utf-8")
        with zipfile.ZipFile(path) as archive:
            return "\n".join(archive.read(name).decode() for name in archive.namelist())
    except OSError as error:
        raise QuantdError(f"--funding: cannot read {path}: {error.strerror}") from None
    except (zipfile.BadZipFile, zlib.error, EOFError, RuntimeError, UnicodeDecodeError):  # RuntimeError: encrypted, or unknown compression
        raise QuantdError(f"--funding: {path} is neither text nor a zip file of it") from None


def _of_json(text: str) -> Iterable[_Paid]:
    rows = json.loads(text)
    if not isinstance(rows, list):
        raise ValueError(f"expected a list of rates, found {text.strip()[:_SHOWN]}")
    for number, row in enumerate(rows, 1):
        if not isinstance(row, dict) or any(field not in row for field in _FIELDS):
            raise ValueError(f"row {number}: expected an object with {', '.join(_FIELDS)}")
        yield _paid(number, str(row["symbol"]), row["fundingTime"], row["fundingRate"], row.get("markPrice") or "nan")


def _of_csv(text: str, path: str) -> Iterable[_Paid]:
    """Yield the rows of a CSV file. They do not name their symbol; the file name does."""
    symbol, dash, _ = Path(path).name.partition("-fundingRate")
    if not dash:
        raise ValueError("the name does not tell the symbol: name it as it was published, like BTCUSDT-fundingRate-2026-01.zip")
    reader = csv.DictReader(io.StringIO(text))
    if absent := [name for name in _COLUMNS if name not in (reader.fieldnames or ())]:
        raise ValueError(f"expected the columns calc_time,funding_interval_hours,last_funding_rate: {' and '.join(absent)} lack")
    for row in reader:
        if row["calc_time"] != "calc_time":  # the header of a second file in a zip
            yield _paid(reader.line_num, symbol, row["calc_time"], row["last_funding_rate"], "nan")


def _paid(number: int, symbol: str, ts: object, rate: object, mark: object) -> _Paid:
    try:
        paid = _Paid(symbol.upper(), int(str(ts)), float(str(rate)), float(str(mark)))
    except ValueError:
        raise ValueError(f"row {number}: no time, rate or mark price: {ts}, {rate}, {mark}") from None
    if not _EARLIEST <= paid.ts < _LATEST:
        raise ValueError(f"row {number}: {paid.ts} is no time in ms")
    if not abs(paid.rate) < _MOST or math.isinf(paid.mark) or paid.mark <= 0:
        raise ValueError(f"row {number}: cannot be true: a rate of {paid.rate:g}, a mark price of {paid.mark:g}")
    return paid
