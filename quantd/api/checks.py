"""Whether what a request names is supported; Failure (400, 404) if not."""

from typing import NamedTuple

from quantd.api.errors import Failure, Invalid
from quantd.api.requests import PairQuery
from quantd.services.desk import PLAIN, Desk, Style
from quantd.stats.zscore import ZScore
from quantd.timeframes import timeframe

TIMEFRAMES = ["1s", "1m", "5m", "15m", "30m", "1h", "14h", "1d"]
"""Those that the frontend offers; any other that `timeframe` reads works as well."""
DEFAULT_METHOD = "OLS"
WINDOWS = range(2, 2001)


class PairRequest(NamedTuple):
    """What to analyse; `text` is the pair as the caller wrote it."""

    text: str
    y: str
    x: str
    tf: str
    window: int
    method: str
    style: Style = PLAIN


def symbol(desk: Desk, text: str) -> str:
    """A supported symbol, in upper case."""
    if (upper := text.upper()) not in desk.supported():
        raise Failure(400, f"Symbol {upper} not supported. Available: {desk.supported()}")
    return upper


def every(text: str) -> str:
    """A timeframe."""
    try:
        return timeframe(text).name
    except ValueError:
        raise Failure(400, f"Timeframe {text} not supported. Available: {TIMEFRAMES}") from None


def method(desk: Desk, text: str) -> str:
    """The name of a regression plugin; any case will do."""
    names = {name.upper(): name for name in desk.methods()}
    if text.upper() not in names:
        raise Failure(400, f"Regression method {text} not supported. Available: {list(names)}")
    return names[text.upper()]


def legs(text: str) -> tuple[str, str] | None:
    """The two symbols of `Y-X`, in upper case, whether or not they are supported; None for any other text."""
    match text.upper().split("-"):
        case [y, x] if y and x:
            return y, x
    return None


def pair(desk: Desk, asked: PairQuery) -> PairRequest:
    """A pair query of which everything is supported."""
    text = _pair_text(asked)
    y, x = pair_legs(desk, text)
    tf = every(asked.tf)
    name = _method(desk, asked)
    if asked.zscore == "innovation" and not desk.predicts(name):
        raise Failure(400, f"zscore innovation asks for a regression that predicts, like KALMAN; {name.upper()} does not")
    if asked.window < WINDOWS[0]:
        raise Failure(400, f"Window size must be at least {WINDOWS[0]}")
    if asked.window > WINDOWS[-1]:
        raise Failure(400, f"Window size must be at most {WINDOWS[-1]}")
    return PairRequest(text, y, x, tf, asked.window, name, _style(asked))


def _style(asked: PairQuery) -> Style:
    return Style(asked.spread, ZScore(method=asked.zscore, against=asked.against), asked.prices, asked.beta, asked.alpha)


def _method(desk: Desk, asked: PairQuery) -> str:
    """The method that is named; a beta or alpha alone names the first that takes them."""
    named = asked.regression or asked.method
    given = asked.beta is not None or asked.alpha is not None
    name = _of_given_hedge(desk, named) if given else method(desk, named or DEFAULT_METHOD)
    if asked.beta is None and desk.gives_hedge(name):
        raise Failure(400, f"Regression method {name.upper()} asks for a beta: add beta=1.5, say")
    return name


def _of_given_hedge(desk: Desk, named: str | None) -> str:
    takers = [name for name in desk.methods() if desk.gives_hedge(name)]
    if not takers:
        raise Failure(400, "beta and alpha not supported: no regression takes them")
    name = method(desk, named or takers[0])
    if name not in takers:
        raise Failure(400, f"beta and alpha are those of regression={takers[0].upper()}; {name.upper()} finds its own: leave them out")
    return name


def pair_legs(desk: Desk, text: str) -> tuple[str, str]:
    """The supported symbols of `Y-X`."""
    if not (named := legs(text)):
        raise Failure(404, f"No data available for pair {text}")
    return symbol(desk, named[0]), symbol(desk, named[1])


def _pair_text(asked: PairQuery) -> str:
    if asked.pair is not None:
        return asked.pair
    given = {"symbol_a": asked.symbol_a, "symbol_b": asked.symbol_b}
    missing = [name for name, value in given.items() if value is None]
    if missing:
        raise Invalid("missing", ["query", "pair" if len(missing) == len(given) else missing[0]], "Field required", None)
    return f"{asked.symbol_a}-{asked.symbol_b}"
