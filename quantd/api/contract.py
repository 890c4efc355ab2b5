"""The words of the frontend's contract beside our own for the same things. No other module knows both."""

import re
from math import isfinite
from typing import Literal

from quantd.config.rules import Operator
from quantd.model import Alert, PairPoint

METRICS = {"zscore": "zscore", "spread": "spread", "correlation": "corr", "corr_returns": "corr_returns", "price": "price"}
"""What a rule made by request may watch: the contract's word, and ours."""
OPERATORS: dict[str, Operator] = {">": ">", "<": "<", ">=": ">=", "<=": "<=", "==": "=="}
"""The operators of such a rule."""
_WORDS = {ours: word for word, ours in METRICS.items() if word != ours}
_OURS = re.compile(rf"\b({'|'.join(_WORDS)})\b")
Column = Literal["hedge_ratio", "spread", "zscore", "correlation"]
COLUMNS: tuple[Column, ...] = ("hedge_ratio", "spread", "zscore", "correlation")
CSV_HEADER = ("timestamp", "hedge_ratio", "spread", "zscore", "rolling_correlation")


def metric(ours: str) -> str:
    """The contract's word for a metric.

    >>> metric("corr"), metric("zscore"), metric("adf_stat")
    ('correlation', 'zscore', 'adf_stat')
    """
    return _WORDS.get(ours, ours)


def in_words(text: str) -> str:
    """A text on metrics in the contract's words.

    >>> in_words("corr > 1.5 is never true: corr is from -1 to 1"), in_words("corr_returns > 0.5")
    ('correlation > 1.5 is never true: correlation is from -1 to 1', 'corr_returns > 0.5')
    """
    return _OURS.sub(lambda match: _WORDS[match[1]], text)


def message(alert: Alert) -> str:
    """The text of an alert. That of a rule made by request begins with its metric; that of a pipeline's rule is the operator's own."""
    return in_words(alert.text) if alert.text.startswith(f"{alert.metric} ") else alert.text


def column(point: PairPoint, name: Column) -> float | None:
    """A point's value under its name in the contract; None where there is none. The z-score of a spread that does not move is 0 there."""
    if name == "zscore" and point.zscore is None and point.reason == "flat":
        return 0.0
    return finite({"hedge_ratio": point.hedge.beta, "spread": point.spread, "zscore": point.zscore, "correlation": point.corr}[name])


def finite(value: float | None) -> float | None:
    """The value; None where it is none or not finite."""
    return value if value is not None and isfinite(value) else None
