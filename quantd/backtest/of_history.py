"""Makes the sample of a backtest from the history of a store, to which a daemon may be writing."""

from collections.abc import Sequence

import msgspec
from msgspec import Struct

from quantd.backtest.overrides import Overrides, regression_settings, with_regression, zscore_settings
from quantd.backtest.sample import Request, Sample, demand_rules, method_name
from quantd.clock import EventClock
from quantd.config.load import Loaded
from quantd.config.model import Config, Pipeline
from quantd.config.pairs import DEFAULT_PIPELINE
from quantd.errors import QuantdError, checked
from quantd.flow.pairs import PairSpec, analyse
from quantd.history.history import History
from quantd.model import Bar, Spread
from quantd.plugin.guard import Guard
from quantd.plugin.registry import Registry
from quantd.plugin.regression import Regression
from quantd.stats.backtest import Rules
from quantd.stats.bars import longest_source
from quantd.stats.zscore import ZScore
from quantd.timeframes import timeframe
from quantd.times import FOR_EVER

_EARLIER = 3
"""Number of bars read before the start, as a multiple of the bars behind one point."""


class Legs(Struct, frozen=True):
    """Recorded bars of both legs, and the settings by which points are computed from them."""

    y_bars: Sequence[Bar]
    x_bars: Sequence[Bar]
    spec: PairSpec
    method: str

    def sample(self) -> Sample:
        """Compute the points over these bars, which may take a while."""
        guard = Guard("regression", self.method, EventClock())
        points = analyse(self.y_bars, self.x_bars, self.spec, lambda plugin, user: guard)
        health = guard.health()
        faults = [f"{health.kind} {health.name} failed {health.faults} times, last: {health.last_error}"] if health.faults else []
        return Sample(self.y_bars, self.x_bars, points, self.spec, self.method, faults)


def recorded_legs(loaded: Loaded, history: History, asked: Request, rules: Rules) -> Legs:
    """Return the bars that a daemon with this config has recorded. Raises QuantdError."""
    spec = _spec(loaded, asked)
    demand_rules(rules, spec.zscore, spec.regression.window)
    y, x = (_bars(history, leg, _pipeline(loaded.config, asked).bars.every, asked, spec) for leg in (asked.y, asked.x))
    return Legs(y, x, spec, method_name(loaded.registry, spec.regression))


def _pipeline(config: Config, asked: Request) -> Pipeline:
    """Return the named pipeline, else the pair's, else the default one for pairs that the config does not name."""
    of_pair = next((pair.pipeline for pair in config.pairs if (pair.y, pair.x) == (asked.y, asked.x)), DEFAULT_PIPELINE)
    name = asked.pipeline or of_pair
    if name in config.pipelines:
        return config.pipelines[name]
    if asked.pipeline or not config.pipelines:
        raise QuantdError(f"--pipeline: no pair goes through {name!r}; there is {', '.join(config.pipelines) or 'none'}")
    return next(iter(config.pipelines.values()))


def _spec(loaded: Loaded, asked: Request) -> PairSpec:
    pipeline, overrides = _pipeline(loaded.config, asked), with_regression(asked.overrides, lambda: loaded.registry)
    regression = _regression(loaded.registry, pipeline.regression, overrides)
    zscore = msgspec.convert(zscore_settings(msgspec.structs.asdict(pipeline.zscore), overrides), ZScore)
    spread = msgspec.convert(overrides.spread or pipeline.spread, Spread)
    if zscore.method == "innovation" and not regression.predicts:
        name = method_name(loaded.registry, regression)
        raise QuantdError(f"--zscore: innovation asks for a regression that predicts, like kalman; {name} does not: take --zscore window")
    return PairSpec(asked.pair, asked.every, regression, zscore, spread=spread)


def _regression(registry: Registry, configured: Regression, overrides: Overrides) -> Regression:
    """Return the pipeline's regression, or the requested one over the same window and prices."""
    same = overrides.regression in (None, method_name(registry, configured))
    settings = regression_settings(msgspec.structs.asdict(configured), overrides, same=same)
    if same:
        return checked("--window", lambda given: msgspec.convert(given, type(configured)), settings)
    entry = registry.get("regression", overrides.regression or "")
    if entry is None:
        raise QuantdError(f"--regression: no regression {overrides.regression!r}; there is {', '.join(registry.names('regression'))}")
    return checked("--regression", lambda given: msgspec.convert(given, entry.plugin), settings)  # type: ignore[return-value]


def _bars(history: History, symbol: str, recorded: Sequence[str], asked: Request, spec: PairSpec) -> list[Bar]:
    """Return the bars of a leg, merged from shorter ones if the wanted timeframe is not recorded."""
    frame = timeframe(asked.every)
    if frame.name not in recorded and longest_source(frame, recorded) is None:
        raise QuantdError(f"--every: bars of {frame.name} cannot be made of those recorded: {', '.join(recorded)}")
    earlier = _EARLIER * spec.bars_needed * frame.step
    start = 0 if asked.start is None else frame.floor(max(0, asked.start - earlier))
    return history.merged_bars(symbol, frame.name, recorded, start, FOR_EVER if asked.end is None else asked.end)
