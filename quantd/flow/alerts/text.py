"""The text of an alert: that of its rule, which leg of a pair is dear, and the reason."""

from decimal import Decimal

from quantd.conditions.model import clauses
from quantd.flow.alerts.moment import Moment
from quantd.flow.alerts.rule import AlertRule


def text(rule: AlertRule, moment: Moment | None = None, reason: str = "") -> str:
    """Return the text of an alert. With a moment, the text of a rule on a z-score says what to sell and what to buy."""
    trade = legs(rule.on, moment, log=rule.log) if moment and _on_zscore(rule) else ""
    return rule.text + (f": {trade}" if trade else "") + (f" ({reason})" if reason else "")


def legs(pair: str, moment: Moment, *, log: bool = False) -> str:
    """Return which leg of a pair to sell and which to buy, for one of the first leg; empty if there is no z-score.

    The spread is y - beta x. It is high if the z-score is above 0: then one y is sold, and beta x are bought. With logarithms of prices,
    beta is how much the x that is bought is worth, as a multiple of the y that is sold. If beta is negative, both legs are on one side.

    >>> legs("BTCUSDT-ETHUSDT", Moment(0, 0, zscore=2.5, beta=25.31))
    'sell BTCUSDT, buy 25.3 ETHUSDT'
    >>> legs("BTCUSDT-ETHUSDT", Moment(0, 0, zscore=-2.5, beta=-0.5))
    'buy BTCUSDT, buy 0.5 ETHUSDT'
    >>> legs("BTCUSDT-ETHUSDT", Moment(0, 0, zscore=2.5, beta=0.87), log=True)
    'sell BTCUSDT, buy ETHUSDT for 0.87 times its worth'
    """
    y, dash, x = pair.partition("-")
    if not dash or not moment.zscore:
        return ""
    sides = ("sell", "buy") if moment.zscore > 0 else ("buy", "sell")
    if moment.beta is None:
        return f"{sides[0]} {y}, {sides[1]} {x}"
    if not moment.beta:
        return f"{sides[0]} {y}"
    other = sides[1] if moment.beta > 0 else sides[0]
    size = three_digits(abs(moment.beta))
    return f"{sides[0]} {y}, {other} " + (f"{x} for {size} times its worth" if log else f"{size} {x}")


def three_digits(value: float) -> str:
    """Return a number with three significant digits, or all digits of a larger whole part.

    >>> three_digits(25.31), three_digits(0.0123456), three_digits(61234.6), three_digits(2.0), three_digits(0.00000123456)
    ('25.3', '0.0123', '61235', '2', '0.00000123')
    """
    return f"{value:.0f}" if abs(value) >= 100 else f"{Decimal(f'{value:.3g}'):f}"


def _on_zscore(rule: AlertRule) -> bool:
    return any(clause.term.metric == "zscore" and not clause.term.bars for clause in clauses(rule.rule.when))
