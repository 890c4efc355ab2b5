"""The running flow as the API sees it."""

import asyncio
import logging
import uuid
from collections.abc import Sequence

import msgspec
import numpy as np

from quantd.candles import Candles
from quantd.clock import Clock
from quantd.config.bounds import LIVE, mistake
from quantd.config.load import as_legs
from quantd.config.model import Config
from quantd.config.rules import Condition, Rule
from quantd.flow.alerts.engine import Watch
from quantd.flow.bars import shared_closes
from quantd.flow.desk import PLAIN, Analysis, Desk, FeedState, PairPast, RestRule, Style, SymbolQuality, is_whole
from quantd.flow.history import TICKS
from quantd.flow.pairs import PairSpec, analyse
from quantd.flow.pipeline import FeedFlow, SymbolStage
from quantd.model import Alert, Bar, BookBar, PairPoint, Tick, Ticker
from quantd.plugin.guard import Guard
from quantd.plugin.registry import Registry
from quantd.plugin.regression import is_stepwise
from quantd.quality import quality_of
from quantd.runtime import Runtime
from quantd.state import State
from quantd.stats.cointegration import engle_granger
from quantd.stats.spreads import SHORTEST, SpreadTest, spread_test
from quantd.timeframes import timeframe

_log = logging.getLogger("quantd.live")
RULE_EVERY = "1m"
_METRIC = {"correlation": "corr"}
_ANSWERS_KEPT = 64
_OPEN_BARS = 5
_KEPT_AS = "rule/"
_SYMBOLS = "symbols"
Question = tuple[str, str, str, int, str, Style]
"""y, x, every, window, method, style."""
Freshness = tuple[tuple[int, int] | None, ...]
"""The newest bar of each leg, and how often its bars were re-issued."""


class LiveDesk(Desk):
    """Answers from the flows of a runtime, and steers them: what is streamed, which rules are judged."""

    def __init__(self, runtime: Runtime, config: Config, registry: Registry, clock: Clock, state: State) -> None:
        self.hub = runtime.outlets.hub
        self._runtime = runtime
        self._config = config
        self._registry = registry
        self._clock = clock
        self._history = runtime.outlets.history
        self._candles = Candles(self._history, clock)
        self._engine = runtime.outlets.alerts
        self._supported = self._known_with(msgspec.json.decode(state.cache.get(_SYMBOLS, b"[]")))
        self._state = state
        self._kept = state.kept
        self._rules: dict[str, RestRule] = {}
        self._unsaved: dict[str, Alert] = {}
        self._holders: dict[str, set[str]] = {symbol: {"config"} for symbol in self.listed()}
        self._reading = asyncio.Lock()
        self._answers: dict[Question, tuple[Freshness, asyncio.Task[Analysis]]] = {}
        self._recall_rules()
        self.hub.listen("alerts", self._remember)

    def now(self) -> int:
        return self._clock.now()

    async def learn_symbols(self) -> None:
        """Ask the feeds what trades now."""
        listed = [symbol for flow in self._runtime.flows for symbol in await flow.feed.fetch_symbols()]
        if listed:
            self._supported = self._known_with(listed)
            self._state.cache.set(_SYMBOLS, msgspec.json.encode(listed))
            for rule in self.rules():
                self._hold_legs(rule)

    # symbols

    def listed(self) -> list[str]:
        legs = [leg for pair in self._config.pairs for leg in (pair.y, pair.x)]
        return list(dict.fromkeys([*legs, *self._config.symbols]))

    def supported(self) -> list[str]:
        return self._supported

    def _known_with(self, exchange: Sequence[str]) -> list[str]:
        return list(dict.fromkeys([*self.listed(), *exchange]))

    def pairs(self) -> list[tuple[str, list[str]]]:
        """The pairs that are processed now, each with its timeframes."""
        return [(pair.series[0].spec.pair, [series.spec.every for series in pair.series]) for flow in self._flows for pair in flow.pairs]

    def active(self) -> list[str]:
        return list(dict.fromkeys(stage.symbol for flow in self._flows for stage in flow.stages))

    def hold(self, holder: str, symbols: Sequence[str]) -> None:
        for symbol in symbols:
            if symbol in self.supported():
                self._holders.setdefault(symbol, set()).add(holder)
                self._runtime.watch_symbol(symbol)

    def release(self, holder: str, symbols: Sequence[str] | None = None) -> None:
        for symbol in list(self._holders) if symbols is None else symbols:
            holders = self._holders.get(symbol, set())
            holders.discard(holder)
            if symbol in self._holders and not holders:
                del self._holders[symbol]
                for flow in self._flows:
                    flow.drop(symbol)

    # data

    def bars(self, symbol: str, every: str, start: int | None = None, end: int | None = None, limit: int | None = None) -> list[Bar]:
        stage = self._stage(symbol)
        if stage is None:
            return []
        return self._candles.read(stage, every, start, end, limit)

    def event_bars(self, symbol: str) -> list[str]:
        stage = self._stage(symbol)
        return [each.label for each in stage.events] if stage else []

    def books(self, symbol: str, every: str) -> list[BookBar]:
        return self._history.books(symbol, every)

    def ticks(self, symbol: str, start: int | None = None, end: int | None = None, limit: int = 1000) -> list[Tick]:
        inside = [tick for tick in self._history.ticks(symbol) if (start is None or tick.ts >= start) and (end is None or tick.ts < end)]
        return inside[-limit:]

    def tick_counts(self) -> dict[str, int]:
        return self._history.tick_counts()

    def ring_size(self) -> int:
        return TICKS

    def last_tick(self, symbol: str) -> Tick | None:
        ticks = self._history.ticks(symbol)
        return ticks[-1] if ticks else None

    def ticker(self, symbol: str) -> Ticker | None:
        return self._history.ticker(symbol)

    def clear(self, symbol: str | None) -> None:
        self._history.clear_ticks(symbol)

    # analytics

    def methods(self) -> list[str]:
        return self._registry.names("regression")

    async def analyse(self, y: str, x: str, every: str, window: int, method: str, style: Style = PLAIN) -> Analysis:
        wanted = max(3 * window, window + SHORTEST)
        question = (y, x, every, window, method, style)
        since = self.now() - (wanted + 2 * self._spec(question).reach + _OPEN_BARS) * timeframe(every).step
        legs = [self._candles.closed(stage, every, since, self.now()) if (stage := self._stage(leg)) else [] for leg in (y, x)]
        state = tuple((leg[-1].ts, sum(bar.revision for bar in leg)) if leg else None for leg in legs)
        known = self._answers.get(question)
        if known is None or known[0] != state:
            self._answers.pop(question, None)
            while len(self._answers) >= _ANSWERS_KEPT:
                del self._answers[next(iter(self._answers))]
            known = self._answers[question] = state, asyncio.create_task(asyncio.to_thread(self._answer, question, legs, wanted))
        return await asyncio.shield(known[1])

    async def past(self, y: str, x: str, every: str, window: int, method: str, limit: int, style: Style = PLAIN) -> PairPast:
        stages, until = [self._stage(leg) for leg in (y, x)], self.now()
        spec = self._spec((y, x, every, window, method, style))
        since = until - (limit + 2 * spec.reach + _OPEN_BARS) * timeframe(every).step

        def read() -> PairPast:
            legs = [self._candles.closed(stage, every, since, until) if stage else [] for stage in stages]
            return PairPast(legs[0], legs[1], self._points(legs, spec, method))

        async with self._reading:
            return await asyncio.to_thread(read)

    def predicts(self, method: str) -> bool:
        entry = self._registry.get("regression", method)
        return entry is not None and getattr(entry.plugin, "predicts", False)

    def gives_hedge(self, method: str) -> bool:
        return method in self._registry.of_given_hedge()

    def refits(self, method: str) -> bool:
        entry = self._registry.get("regression", method)
        assert entry is not None
        return not is_stepwise(entry.plugin)  # type: ignore[arg-type]

    def nowcasts(self) -> list[PairPoint]:
        return [point for flow in self._flows for pair in flow.pairs for point in pair.nowcasts()]

    def _answer(self, question: Question, legs: list[list[Bar]], wanted: int) -> Analysis:
        _, _, _, window, method, _ = question
        spec = self._spec(question)
        points = self._points(legs, spec, method)[-(wanted - window + 1) :]
        of_y, of_x = shared_closes(legs[0], legs[1], spec.regression.prices, wanted)
        tests = engle_granger(of_y, of_x), engle_granger(of_x, of_y)
        return Analysis(points, _adf(points, spec), *tests)

    def _spec(self, question: Question) -> PairSpec:
        y, x, every, window, method, style = question
        entry = self._registry.get("regression", method)
        assert entry is not None
        given = {name: value for name in ("beta", "alpha") if (value := getattr(style, name)) is not None}
        regression = msgspec.convert({"window": window, "prices": style.prices, **given}, entry.plugin)
        return PairSpec(f"{y}-{x}", every, regression, style.zscore, spread=style.spread)  # type: ignore[arg-type]

    def _points(self, legs: list[list[Bar]], spec: PairSpec, method: str) -> list[PairPoint]:
        guard = Guard("regression", f"{method} (request)", self._clock)  # of its own: a request must not silence a live pair
        return analyse(legs[0], legs[1], spec, lambda plugin, user: guard)

    # alerts

    def add_rule(self, metric: str, pair: str, op: str, value: float) -> RestRule:
        rule = RestRule(str(uuid.uuid4()), metric, pair, op, value, self.now())
        self._watch(rule)
        self._keep(rule)
        self._judge_at_once(rule)
        return rule

    def rules(self) -> list[RestRule]:
        return list(self._rules.values())

    def delete_rule(self, rule_id: str) -> bool:
        rule = self._rules.pop(rule_id, None)
        if rule is None:
            return False
        self._kept.delete(_KEPT_AS + rule_id)
        self._engine.remove(rule_id)
        if rule.metric != "price" and not self._wanted(rule.pair):
            for flow in self._flows:
                flow.drop_pair(rule.pair)
        self.release(f"rule:{rule_id}")
        return True

    def yaml_rules(self) -> list[tuple[str, str, str, bool]]:
        return [
            (watch.on, watch.rule.name, str(watch.rule.when), watch.since is not None) for watch in self._engine.watches if not watch.live
        ]

    def fired(self) -> list[Alert]:
        return list(self._engine.fired)

    def clear_fired(self) -> None:
        self._engine.fired.clear()

    def quality(self) -> list[SymbolQuality]:
        return [quality_of(stage, flow, self.now()) for flow in self._flows for stage in flow.counting()]

    def feeds(self) -> list[FeedState]:
        return [self._health(flow) for flow in self._flows]

    def _watch(self, rule: RestRule) -> None:
        self._rules[rule.id] = rule
        self._hold_legs(rule)
        condition = Condition(_METRIC.get(rule.metric, rule.metric), rule.op, rule.value)  # type: ignore[arg-type]
        text = f"{rule.metric} {rule.op} {float(rule.value)} for {rule.pair}"
        self._engine.put(Watch(rule.id, Rule(rule.metric, condition, self._rule_every(rule.pair)), rule.pair, text, live=True))

    def _rule_every(self, pair: str) -> str:
        """A minute, or the shortest timeframe of a pair that has no minutes."""
        every = next((every for name, every in self.pairs() if name == pair), [])
        return RULE_EVERY if RULE_EVERY in every or not every else min(every, key=lambda name: timeframe(name).step)

    def _wanted(self, pair: str) -> bool:
        """Whether the config or a rule names the pair."""
        return pair in [each.name for each in self._config.pairs] or any(rule.pair == pair for rule in self._rules.values())

    def save(self) -> None:
        """Put on disk which rules changed their state since the last call: a rule may do so many times a second."""
        changed, self._unsaved = self._unsaved, {}
        for alert in changed.values():
            self._state.records.save_alert(alert)
            if rule := self._rules.get(alert.alert_id):
                self._keep(rule)

    def _keep(self, rule: RestRule) -> None:
        self._kept.set(_KEPT_AS + rule.id, msgspec.json.encode(rule))

    def _recall_rules(self) -> None:
        """The rules that were there before a restart."""
        rules = [msgspec.json.decode(self._kept[key], type=RestRule) for key in self._kept if key.startswith(_KEPT_AS)]
        for rule in sorted(rules, key=lambda rule: rule.created_at):
            try:
                self._watch(_decidable(rule))
            except ValueError as error:
                _log.warning("the kept rule %s %s %s %g is passed over: %s", rule.pair, rule.metric, rule.op, rule.value, error)
                self._rules.pop(rule.id, None)
        for record in self._state.records.firing():
            self._engine.resume(record.alert_id, record.since)

    def _hold_legs(self, rule: RestRule) -> None:
        if rule.metric == "price":
            self.hold(f"rule:{rule.id}", [rule.pair])
            return
        legs = as_legs(rule.pair)
        self.hold(f"rule:{rule.id}", legs)
        if rule.pair not in [name for name, _ in self.pairs()]:
            self._runtime.watch_pair(*legs)

    def _judge_at_once(self, rule: RestRule) -> None:
        stage = self._stage(rule.pair)
        self._runtime.outlets.tell(self._engine.judge_prices(rule.pair, [stage.last] if stage and stage.last else []))
        self._runtime.outlets.tell(self._engine.judge_now([point for point in self.nowcasts() if point.pair == rule.pair]))

    def _remember(self, alerts: Sequence[Alert]) -> None:
        for alert in alerts:
            self._unsaved[alert.alert_id] = alert
            rule = self._rules.get(alert.alert_id)
            if rule and alert.state == "firing":
                rule.triggered_at = alert.ts
                rule.trigger_count += 1

    # where things are

    @property
    def _flows(self) -> Sequence[FeedFlow]:
        return self._runtime.flows

    def _stage(self, symbol: str) -> SymbolStage | None:
        return next((stage for flow in self._flows for stage in flow.stages if stage.symbol == symbol), None)

    def _health(self, flow: FeedFlow) -> FeedState:
        state = "warming" if flow.state == "live" and flow.warm < flow.symbols else flow.state
        newest = max((stage.last.ts for stage in flow.stages if stage.last), default=None)
        accepted = sum(stage.intake.accepted for stage in flow.stages)
        return FeedState(flow.name, state, newest, accepted, flow.refused, flow.warm, flow.symbols, flow.health())


def _decidable(rule: RestRule) -> RestRule:
    """The rule, if data decide whether it holds. Raises ValueError, as an earlier version took rules that none can make true."""
    if text := mistake(Condition(rule.metric, rule.op, rule.value), LIVE):  # type: ignore[arg-type]
        raise ValueError(text)
    return rule


def _adf(points: Sequence[PairPoint], spec: PairSpec) -> SpreadTest:
    """The test of the closes from the first point that is whole to the last, with the hedge of the last."""
    shown = next((number for number, point in enumerate(points) if is_whole(point)), len(points))
    y, x = np.array([(point.y, point.x) for point in points[shown:]]).reshape(-1, 2).T
    return spread_test(y, x, points[-1].hedge.beta if points else 0.0, log=spec.log)
