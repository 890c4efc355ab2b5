"""The request for a backtest, and the bars and points that the backtest reads."""

from collections.abc import Sequence
from functools import partial
from typing import get_args

import msgspec
from msgspec import Struct

from quantd.backtest.figures import when
from quantd.backtest.model import Settings
from quantd.backtest.overrides import Overrides
from quantd.config.bounds import demand_reachable, z_range
from quantd.config.texts import as_legs
from quantd.errors import QuantdError, checked
from quantd.flow.pairs import PairSpec
from quantd.model import Against, Bar, PairPoint, Prices, Spread, ZMethod
from quantd.plugin.registry import Registry
from quantd.plugin.regression import Regression
from quantd.stats.backtest import Rules
from quantd.stats.zscore import ZScore
from quantd.timeframes import timeframe


class Request(Struct, frozen=True):
    """A request for a backtest. A field that is None takes the pipeline's setting."""

    pair: str
    y: str
    x: str
    every: str
    overrides: Overrides
    pipeline: str | None
    start: int | None
    end: int | None


def request(pair: str, overrides: Overrides, pipeline: str | None, start: int | None, end: int | None) -> Request:
    """Check the options and return the request; `overrides` has one timeframe. Raises QuantdError, which names the wrong option."""
    if not pair:
        raise QuantdError("which pair? Name one with --pair BTCUSDT-ETHUSDT")
    y, x = checked("--pair", as_legs, pair)
    (every,) = overrides.every or ["1m"]
    frame = checked("--every", timeframe, every)
    if overrides.window is not None and overrides.window < 2:
        raise QuantdError(f"--window: expected a whole number of 2 or more, found {overrides.window}")
    for name, choices in (("prices", Prices), ("spread", Spread), ("zscore", ZMethod), ("against", Against)):
        checked(f"--{name}", partial(_demand_one_of, get_args(choices)), getattr(overrides, name))
    return Request(f"{y}-{x}", y, x, frame.name, msgspec.structs.replace(overrides, every=[frame.name]), pipeline, start, end)


def _demand_one_of(choices: Sequence[str], text: str | None) -> None:
    if text is not None and text not in choices:
        raise ValueError(f"expected one of {', '.join(choices)}, found {text!r}")


def demand_rules(rules: Rules, zscore: ZScore, window: int) -> None:
    """Raise QuantdError, which names the option, for a threshold that no z-score reaches."""
    try:
        demand_reachable(rules.entry, rules.stop, z_range(zscore, window), before="--against before", hold=rules.hold)
    except ValueError as error:
        raise QuantdError(f"--{error}") from None


class Sample(Struct, frozen=True):
    """Closed bars of both legs, the points over them, and the settings by which these were computed."""

    y_bars: Sequence[Bar]
    x_bars: Sequence[Bar]
    points: Sequence[PairPoint]
    spec: PairSpec
    method: str
    faults: Sequence[str] = ()
    """Faults that occurred while the points were computed, one sentence each."""

    def settings(self, asked: Request, rules: Rules, split: float | None) -> Settings:
        """Return the settings of a backtest over this sample."""
        spec = self.spec
        fixed = msgspec.structs.asdict(spec.regression) if spec.regression.given else {}
        return Settings(
            pair=asked.pair,
            every=asked.every,
            window=spec.regression.window,
            regression=self.method,
            rules=rules,
            prices=spec.regression.prices,
            spread=spec.spread,
            zscore=spec.zscore,
            beta=fixed.get("beta"),
            alpha=fixed.get("alpha"),
            split=split,
        )

    def why_untested(self, asked: Request) -> str:
        """Return why there was no z-score to trade."""
        legs = [(asked.y, len(self.y_bars)), (asked.x, len(self.x_bars))]
        if missing := [leg for leg, bars in legs if not bars]:
            return f"there are no bars of {' and '.join(missing)}"
        if outside := self._outside(asked):
            return outside
        if any(point.reason == "flat" for point in self.points):
            return "the spread does not move"
        counts = " and ".join(f"{bars:,} of {leg}" for leg, bars in legs)
        return f"there are {counts} in that time, which do not fill the windows: take more data, or a shorter --window"

    def _outside(self, asked: Request) -> str | None:
        """Return a sentence about the available bars if none of them is in the requested time."""
        first, last = self.y_bars[0].ts, self.y_bars[-1].ts
        if (asked.start is None or asked.start <= last) and (asked.end is None or first < asked.end):
            return None
        return f"bars are there from {when(first, asked.every)} to {when(last, asked.every)} UTC, none of them in the time asked for"


def method_name(registry: Registry, regression: Regression) -> str:
    """Return the name under which a regression plugin is registered."""
    return next(entry.name for entry in registry.entries() if entry.plugin is type(regression))
