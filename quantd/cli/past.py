"""Where a backtest takes its bars and points from: files, through the code that runs live, or the history of a store."""

import os
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TypeVar, get_args

import msgspec
import typer
from msgspec import Struct

from quantd.backtest import Settings
from quantd.cli.kept import opened
from quantd.cli.options import checked, times
from quantd.cli.progress import busy, tell_of_kernels
from quantd.cli.replay import Chosen, chosen, plugins_at_hand, recorded, regressed, scored, settled
from quantd.cli.session import fail_if_faulty, run_to_end
from quantd.clock import EventClock
from quantd.config.bounds import demand_reachable, z_range
from quantd.config.load import Loaded
from quantd.config.model import Config, Pipeline
from quantd.config.pairs import DEFAULT_PIPELINE
from quantd.config.pipelines import Folder
from quantd.config.texts import as_legs
from quantd.errors import QuantdError
from quantd.flow.bars.merge import lengthen, longest_source
from quantd.flow.pairs import PairSpec, analyse
from quantd.history.history import History
from quantd.model import Against, Bar, PairPoint, Prices, Spread, ZMethod
from quantd.plugin.base import Store
from quantd.plugin.guard import Guard
from quantd.plugin.registry import Registry
from quantd.plugin.regression import Regression
from quantd.runtime.runtime import Runtime
from quantd.stats.backtest import Rules
from quantd.stats.zscore import ZScore
from quantd.timeframes import timeframe
from quantd.times import FOR_EVER

Row = TypeVar("Row", Bar, PairPoint)
_NOT_FOR_A_BACKTEST = frozenset({"jobs", "alerts", "exports"})
_EARLIER = 3
"""How many times the bars that stand behind a point are read before `--from`."""


class Wanted(Struct, frozen=True):
    """What the command asks for; None is what the pipeline says."""

    pair: str
    y: str
    x: str
    every: str
    told: Chosen
    pipeline: str | None
    start: int | None
    end: int | None


class Sample(Struct, frozen=True):
    """Closed bars of both legs, the points over them, and how these were made."""

    y_bars: Sequence[Bar]
    x_bars: Sequence[Bar]
    points: Sequence[PairPoint]
    spec: PairSpec
    method: str
    fail_if_faulty: Callable[[], None]
    """Says what a plugin got wrong and exits with 1."""

    def settings(self, asked: Wanted, rules: Rules, split: float | None) -> Settings:
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


def wanted(pair: str, told: Chosen, pipeline: str | None, since: str | None, until: str | None) -> Wanted:
    """The options, checked; `told` has one timeframe. Raises QuantdError that names the one that is wrong."""
    if not pair:
        raise QuantdError("which pair? Name one with --pair BTCUSDT-ETHUSDT")
    y, x = checked("--pair", as_legs, pair)
    (every,) = told.every or ["1m"]
    frame = checked("--every", timeframe, every)
    if told.window is not None and told.window < 2:
        raise QuantdError(f"--window: expected a whole number of 2 or more, found {told.window}")
    for name, choices in (("prices", Prices), ("spread", Spread), ("zscore", ZMethod), ("against", Against)):
        checked(f"--{name}", partial(_one_of, get_args(choices)), getattr(told, name))
    start, end = times(since, until)
    return Wanted(f"{y}-{x}", y, x, frame.name, told._replace(every=[frame.name]), pipeline, start, end)


def _one_of(choices: Sequence[str], text: str | None) -> None:
    if text is not None and text not in choices:
        raise ValueError(f"expected one of {', '.join(choices)}, found {text!r}")


def _demand_reachable(rules: Rules, zscore: ZScore, window: int) -> None:
    """Before the work: a threshold that no z-score reaches is a mistake of its option."""
    try:
        demand_reachable(rules.entry, rules.stop, z_range(zscore, window), before="--against before", hold=rules.hold)
    except ValueError as error:
        raise QuantdError(f"--{error}") from None


# --- files ---------------------------------------------------------------------------------------------------------------------------


def of_files(files: list[str], asked: Wanted, rules: Rules, chunk: int) -> Sample:
    """What a replay of these files makes, each bar and point at its last revision. Raises QuantdError."""
    name = asked.pipeline or "replay"
    node = Folder(Path("pipelines"), os.environ).node(name)
    keys = chosen(node.value, settled(asked.told, plugins_at_hand))
    loaded = recorded(files, [asked.pair], name, node, {key: keys[key] for key in keys.keys() - _NOT_FOR_A_BACKTEST}, chunk)
    used = loaded.config.pipelines[name]
    _demand_reachable(rules, used.zscore, used.regression.window)
    bars: dict[str, dict[int, Bar]] = {asked.y: {}, asked.x: {}}
    points: dict[int, PairPoint] = {}

    def take_bars(fresh: Sequence[Bar]) -> None:
        for bar in fresh:
            if bar.every == asked.every:
                bars[bar.symbol][bar.ts] = bar

    def listen(runtime: Runtime) -> None:
        runtime.outlets.hub.listen("bars", take_bars)
        runtime.outlets.hub.listen("points", lambda fresh: points.update((point.ts, point) for point in fresh))

    runtime = run_to_end(loaded, listen)
    spec = runtime.flows[0].pairs[0].series[0].spec
    y, x = (_by_time(bars[leg]) for leg in (asked.y, asked.x))
    return Sample(y, x, _by_time(points), spec, _method(loaded.registry, spec.regression), lambda: fail_if_faulty(runtime))


def _by_time(rows: Mapping[int, Row]) -> list[Row]:
    return [rows[ts] for ts in sorted(rows)]


# --- a store -------------------------------------------------------------------------------------------------------------------------


def of_store(config: Path | None, asked: Wanted, rules: Rules) -> Sample:
    """What the daemon has kept; reads beside it while it runs. Raises QuantdError."""
    with opened(config, "name files, or ") as (loaded, store):
        spec = _spec(loaded, asked)
        _demand_reachable(rules, spec.zscore, spec.regression.window)
        y, x = (_bars(store, leg, _pipeline(loaded.config, asked), asked, spec) for leg in (asked.y, asked.x))
    method = _method(loaded.registry, spec.regression)
    guard = Guard("regression", method, EventClock())
    tell_of_kernels()
    with busy(f"computing the points of {min(len(y), len(x)):,} bars"):
        points = analyse(y, x, spec, lambda plugin, user: guard)
    return Sample(y, x, points, spec, method, lambda: _fail_if_guilty(guard))


def _pipeline(config: Config, asked: Wanted) -> Pipeline:
    """The named one, else the pair's, else that of what the config does not name."""
    of_pair = next((pair.pipeline for pair in config.pairs if (pair.y, pair.x) == (asked.y, asked.x)), DEFAULT_PIPELINE)
    name = asked.pipeline or of_pair
    if name in config.pipelines:
        return config.pipelines[name]
    if asked.pipeline or not config.pipelines:
        raise QuantdError(f"--pipeline: no pair goes through {name!r}; there is {', '.join(config.pipelines) or 'none'}")
    return next(iter(config.pipelines.values()))


def _spec(loaded: Loaded, asked: Wanted) -> PairSpec:
    pipeline, told = _pipeline(loaded.config, asked), settled(asked.told, lambda: loaded.registry)
    regression = _regression(loaded.registry, pipeline.regression, told)
    zscore = msgspec.convert(scored(msgspec.structs.asdict(pipeline.zscore), told), ZScore)
    spread = msgspec.convert(told.spread or pipeline.spread, Spread)
    if zscore.method == "innovation" and not regression.predicts:
        name = _method(loaded.registry, regression)
        raise QuantdError(f"--zscore: innovation asks for a regression that predicts, like kalman; {name} does not: take --zscore window")
    return PairSpec(asked.pair, asked.every, regression, zscore, spread=spread)


def _regression(registry: Registry, configured: Regression, told: Chosen) -> Regression:
    """The pipeline's, or the one asked for over the same window and prices."""
    same = told.regression in (None, _method(registry, configured))
    settings = regressed(msgspec.structs.asdict(configured), told, same=same)
    if same:
        return checked("--window", lambda given: msgspec.convert(given, type(configured)), settings)
    entry = registry.get("regression", told.regression or "")
    if entry is None:
        raise QuantdError(f"--regression: no regression {told.regression!r}; there is {', '.join(registry.names('regression'))}")
    return checked("--regression", lambda given: msgspec.convert(given, entry.plugin), settings)  # type: ignore[return-value]


def _bars(store: Store, symbol: str, pipeline: Pipeline, asked: Wanted, spec: PairSpec) -> list[Bar]:
    """The bars of a leg, merged from shorter ones where they are not recorded as they are wanted."""
    frame, recorded = timeframe(asked.every), pipeline.bars.every
    earlier = _EARLIER * spec.reach * frame.step
    start = 0 if asked.start is None else frame.floor(max(0, asked.start - earlier))
    end = FOR_EVER if asked.end is None else asked.end
    history = History(store)
    if frame.name in recorded:
        return history.bars(symbol, frame.name, start, end)
    source = longest_source(frame, recorded)
    if source is None:
        raise QuantdError(f"--every: bars of {frame.name} cannot be made of those recorded: {', '.join(recorded)}")
    return lengthen(history.bars(symbol, source.name, start, end), source, frame)


def _method(registry: Registry, regression: Regression) -> str:
    return next(entry.name for entry in registry.entries() if entry.plugin is type(regression))


def _fail_if_guilty(guard: Guard) -> None:
    health = guard.health()
    if health.faults:
        typer.echo(f"{health.kind} {health.name} failed {health.faults} times, last: {health.last_error}", err=True)
        raise typer.Exit(1)
