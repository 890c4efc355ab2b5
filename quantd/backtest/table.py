"""The trades of a backtest as CSV."""

import csv
import io

from quantd.backtest.model import Backtest, Trade
from quantd.times import iso


def as_csv(result: Backtest) -> str:
    """Return a CSV with a row for each trade, under the names of its fields. Times are written as in REST, numbers with full precision."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(Trade.__struct_fields__)
    for trade in result.trades:
        writer.writerow(_cell(name, getattr(trade, name)) for name in Trade.__struct_fields__)
    return text.getvalue()


def _cell(name: str, value: object) -> object:
    return iso(value) if name in ("entered", "exited") and isinstance(value, int) else value
