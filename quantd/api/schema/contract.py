"""Translates between the words of the frontend's contract and quantd's own. No other module knows both."""

import re
from math import isfinite
from typing import TYPE_CHECKING, Literal

from quantd.model import Alert, PairPoint

if TYPE_CHECKING:
    from quantd.conditions.model import Operator  # the client, which needs this module, does without the config

METRICS = {"zscore": "zscore", "spread": "spread", "correlation": "corr", "corr_returns": "corr_returns", "price": "price"}
"""Metrics that a rule made by request may watch: the contract's word and quantd's."""
OPERATORS: "dict[str, Operator]" = {">": ">", "<": "<", ">=": ">=", "<=": "<=", "==": "=="}
"""Operators of such a rule."""
_WORDS = {ours: word for word, ours in METRICS.items() if word != ours}
_OURS = re.compile(rf"\b({'|'.join(_WORDS)})\b")
_UNITS = {"S": "s", "T": "m", "min": "m", "H": "h", "D": "d"}
Column = Literal["hedge_ratio", "spread", "zscore", "correlation"]
COLUMNS: tuple[Column, ...] = ("hedge_ratio", "spread", "zscore", "correlation")
CSV_HEADER = ("timestamp", "hedge_ratio", "spread", "zscore", "rolling_correlation")


def timeframe(text: str) -> str:
    """Return an alias of pandas in quantd's words; any other text as it is.

    >>> [timeframe(alias) for alias in ("1S", "15T", "5min", "1H", "1D", "14h", "1M")]
    ['1s', '15m', '5m', '1h', '1d', '14h', '1M']
    """
    alias = re.fullmatch(r"(\d*)(S|T|min|H|D)", text)
    return f"{alias[1] or 1}{_UNITS[alias[2]]}" if alias else text


def metric(ours: str) -> str:
    """Return the contract's word for a metric.

    >>> metric("corr"), metric("zscore"), metric("adf_stat")
    ('correlation', 'zscore', 'adf_stat')
    """
    return _WORDS.get(ours, ours)


def in_contract_words(text: str) -> str:
    """Return a text about metrics in the contract's words.

    >>> in_contract_words("corr > 1.5 is never true: corr is from -1 to 1"), in_contract_words("corr_returns > 0.5")
    ('correlation > 1.5 is never true: correlation is from -1 to 1', 'corr_returns > 0.5')
    """
    return _OURS.sub(lambda match: _WORDS[match[1]], text)


def message(alert: Alert) -> str:
    """Return the text of an alert. For a rule made by request it begins with the metric; for a pipeline's rule it is the operator's own
    text."""
    return in_contract_words(alert.text) if alert.text.startswith(f"{alert.metric} ") else alert.text


def column(point: PairPoint, name: Column) -> float | None:
    """Return a point's value by its name in the contract; None if there is none. The z-score of a spread that does not move is 0 in the
    contract."""
    if name == "zscore" and point.zscore is None and point.reason == "flat":
        return 0.0
    return finite({"hedge_ratio": point.hedge.beta, "spread": point.spread, "zscore": point.zscore, "correlation": point.corr}[name])


def finite(value: float | None) -> float | None:
    """Return the value; None if it is None or not finite."""
    return value if value is not None and isfinite(value) else None
