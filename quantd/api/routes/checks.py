"""Checks that the objects named in a request exist; raises Failure (400, 404) if they do not."""

from msgspec import Struct

from quantd.api.schema.requests import PairQuery
from quantd.api.server.errors import Failure, Invalid
from quantd.services.analytics import Analytics, Method, Question, Style
from quantd.services.bundle import Services
from quantd.services.symbols import Symbols
from quantd.stats.zscore import ZScore
from quantd.timeframes import timeframe

TIMEFRAMES = ["1s", "1m", "5m", "15m", "30m", "1h", "14h", "1d"]
"""Timeframes that the frontend offers; any other that `timeframe` accepts works as well."""
DEFAULT_METHOD = "OLS"
WINDOWS = range(2, 2001)


class PairRequest(Struct, frozen=True):
    """The pair to analyse and the method; `text` is the pair as the caller wrote it."""

    text: str
    question: Question
    method: Method


def symbol(symbols: Symbols, text: str) -> str:
    """Return a supported symbol in upper case."""
    if (upper := text.upper()) not in symbols.supported():
        raise Failure(400, f"Symbol {upper} not supported. Available: {symbols.supported()}")
    return upper


def every(text: str) -> str:
    """Return the name of a timeframe."""
    try:
        return timeframe(text).name
    except ValueError:
        raise Failure(400, f"Timeframe {text} not supported. Available: {TIMEFRAMES}") from None


def method(analytics: Analytics, text: str) -> Method:
    """Return a regression plugin by its name in any case."""
    methods = {each.name.upper(): each for each in analytics.methods()}
    if text.upper() not in methods:
        raise Failure(400, f"Regression method {text} not supported. Available: {list(methods)}")
    return methods[text.upper()]


def legs(text: str) -> tuple[str, str] | None:
    """Return the two symbols of `Y-X`, in upper case, whether or not they are supported; None for any other text."""
    match text.upper().split("-"):
        case [y, x] if y and x:
            return y, x
    return None


def pair(services: Services, asked: PairQuery) -> PairRequest:
    """Check a pair query as a whole."""
    text = _pair_text(asked)
    y, x = pair_legs(services.symbols, text)
    tf = every(asked.tf)
    known = _method(services.analytics, asked)
    if asked.zscore == "innovation" and not known.predicts:
        raise Failure(400, f"zscore innovation asks for a regression that predicts, like KALMAN; {known.name.upper()} does not")
    if asked.window < WINDOWS[0]:
        raise Failure(400, f"Window size must be at least {WINDOWS[0]}")
    if asked.window > WINDOWS[-1]:
        raise Failure(400, f"Window size must be at most {WINDOWS[-1]}")
    return PairRequest(text, Question(y, x, tf, asked.window, known.name, _style(asked)), known)


def _style(asked: PairQuery) -> Style:
    return Style(asked.spread, ZScore(method=asked.zscore, against=asked.against), asked.prices, asked.beta, asked.alpha)


def _method(analytics: Analytics, asked: PairQuery) -> Method:
    """Return the named method; a query with only beta or alpha gets the first method that accepts them."""
    named = asked.regression or asked.method
    given = asked.beta is not None or asked.alpha is not None
    known = _of_given_hedge(analytics, named) if given else method(analytics, named or DEFAULT_METHOD)
    if asked.beta is None and known.takes_hedge:
        raise Failure(400, f"Regression method {known.name.upper()} asks for a beta: add beta=1.5, say")
    return known


def _of_given_hedge(analytics: Analytics, named: str | None) -> Method:
    first = next((each for each in analytics.methods() if each.takes_hedge), None)
    if first is None:
        raise Failure(400, "beta and alpha not supported: no regression takes them")
    known = method(analytics, named) if named else first
    if not known.takes_hedge:
        name = known.name.upper()
        raise Failure(400, f"beta and alpha are those of regression={first.name.upper()}; {name} finds its own: leave them out")
    return known


def pair_legs(symbols: Symbols, text: str) -> tuple[str, str]:
    """Return the two supported symbols of `Y-X`."""
    if not (named := legs(text)):
        raise Failure(404, f"No data available for pair {text}")
    return symbol(symbols, named[0]), symbol(symbols, named[1])


def _pair_text(asked: PairQuery) -> str:
    if asked.pair is not None:
        return asked.pair
    given = {"symbol_a": asked.symbol_a, "symbol_b": asked.symbol_b}
    missing = [name for name, value in given.items() if value is None]
    if missing:
        raise Invalid("missing", ["query", "pair" if len(missing) == len(given) else missing[0]], "Field required", None)
    return f"{asked.symbol_a}-{asked.symbol_b}"
