"""Ticks, bars and points as rows of a table: the columns of files, and the cells."""

from collections.abc import Mapping, Sequence
from typing import Any

from quantd.model import Bar, Hedge, Metric, PairPoint, Tick

COLUMNS: Mapping[str, tuple[str, ...]] = {
    "ticks": ("symbol", "id", "ts", "recv", "price", "qty", "buyer_maker"),
    "bars": (
        *("symbol", "every", "ts", "open", "high", "low", "close", "volume"),
        *("trades", "vwap", "taker_buy_volume", "quality", "revision"),
    ),
    "points": (
        *("pair", "every", "ts", "beta", "spread", "zscore", "corr", "alpha", "stderr", "r2", "n"),
        *("y", "x", "coverage", "quality", "revision", "reason"),
        *("spread_mean", "spread_std", "corr_returns", "weight"),
    ),
}
"""Columns by kind. Behind those of points come the metrics of their jobs."""
RESERVED = frozenset({*COLUMNS["points"], "price", "correlation"})
"""Names that no metric of a job may have: the columns of points, and the names that rules by request use for a leg's price and `corr`."""
_OF_HEDGE = frozenset({"alpha", "beta", "stderr", "r2", "n", "weight"})


def cells(row: Tick | Bar | PairPoint, columns: Sequence[str]) -> list[Any]:
    """Return the values of a row in these columns; None where there is no value."""
    hedge = getattr(row, "hedge", None)
    metrics = getattr(row, "metrics", {})
    return [_cell(row, name, hedge, metrics) for name in columns]


def _cell(row: Tick | Bar | PairPoint, name: str, hedge: Hedge | None, metrics: Mapping[str, Metric]) -> Any:
    if name in metrics and name not in RESERVED:
        return metrics[name]
    value = getattr(hedge if hedge is not None and name in _OF_HEDGE else row, name, None)
    return str(value).lower() if isinstance(value, bool) else value
