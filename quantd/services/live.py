"""The running flow as the API sees it."""

import asyncio
import uuid
from collections.abc import Sequence
from contextlib import suppress

import msgspec

from quantd.blobs import recalled
from quantd.clock import Clock
from quantd.config.model import Config
from quantd.config.rules import Condition, Rule
from quantd.config.texts import as_legs
from quantd.flow.alerts.engine import Watch
from quantd.flow.alerts.journal import Journal
from quantd.flow.feed import FeedFlow
from quantd.flow.past import LOOK_BACK
from quantd.flow.symbol import SymbolStage
from quantd.history.history import TICKS
from quantd.model import Alert, Bar, BookBar, PairPoint, Tick, Ticker
from quantd.plugin.registry import Registry
from quantd.plugin.regression import takes_long
from quantd.pool import ANYBODY, Asker, Pool
from quantd.runtime.runtime import Runtime
from quantd.services.analyst import Analyst
from quantd.services.answers import Question
from quantd.services.candles import Candles, forming
from quantd.services.claims import Claims
from quantd.services.desk import PLAIN, Analysis, Desk, FeedState, PairPast, RestRule, Standing, Style, SymbolQuality
from quantd.services.funding import PastFunding
from quantd.services.older import OlderBars
from quantd.services.quality import quality_of
from quantd.services.rulebook import RuleBook
from quantd.services.standings import standings
from quantd.state import State, tried_again
from quantd.supervision.troubles import Trouble
from quantd.timeframes import timeframe

RULE_EVERY = "1m"
_METRIC = {"correlation": "corr"}
_PATIENCE_S = 5.0
"""So long after the first question for a symbol its past is waited for."""
_SYMBOLS = "symbols"


class LiveDesk(Desk):
    """Answers from the flows of a runtime, and steers them: what is streamed, which rules are judged."""

    def __init__(self, runtime: Runtime, config: Config, registry: Registry, clock: Clock, state: State, pool: Pool) -> None:
        self.hub = runtime.outlets.hub
        self.pool = pool
        self._runtime = runtime
        self._config = config
        self._registry = registry
        self._clock = clock
        self._history = runtime.outlets.history
        self._older = OlderBars(self._flow_of, clock)
        self._candles = Candles(self._history, self._older, pool)
        self._engine = runtime.outlets.alerts
        self._supported = self._known_with(recalled(state.cache, _SYMBOLS, list[str]) or ())
        self._state = state
        self._rules = RuleBook(state.kept, runtime.outlets.troubles)
        self._journal = Journal(state.records, runtime.outlets.troubles)
        self._claims = Claims("config", self.listed(), clock)
        self._asked: dict[str, float] = {}
        """When (monotonic, s) a symbol was first asked for that streams."""
        self._analyst = Analyst(registry, self._candles, clock, pool)
        self._funding = PastFunding(clock)
        self._recall_rules()
        self.hub.listen("alerts", self._remember)

    def now(self) -> int:
        return self._clock.now()

    def learn_symbols(self, listed: Sequence[str]) -> None:
        """These trade now."""
        self._supported = self._known_with(listed)
        for rule in self.rules():
            self._hold_legs(rule)
        with tried_again(self._runtime.outlets.troubles, _SYMBOLS):
            self._state.cache[_SYMBOLS] = msgspec.json.encode(listed)

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
        return [(pair.name, [series.spec.every for series in pair.series]) for flow in self._flows for pair in flow.pairs]

    def active(self) -> list[str]:
        return list(dict.fromkeys(stage.symbol for flow in self._flows for stage in flow.stages if self._claims.is_held(stage.symbol)))

    def flowing(self) -> list[str]:
        live = [stage for flow in self._flows if flow.state == "live" for stage in flow.stages]
        return [stage.symbol for stage in live if stage.last and self._claims.is_held(stage.symbol)]

    def hold(self, holder: str, symbols: Sequence[str]) -> None:
        for symbol in symbols:
            if symbol in self.supported():
                self._claims.hold(holder, symbol)
                self._runtime.watch_symbol(symbol)

    def release(self, holder: str, symbols: Sequence[str] | None = None) -> None:
        self._claims.release(holder, symbols)
        self.sweep()

    async def warm_up(self, symbols: Sequence[str]) -> None:
        for symbol in symbols:
            self._claims.ask(symbol)
            if not self._stages(symbol):
                self._runtime.watch_symbol(symbol)
        self.sweep()
        now = self._clock.monotonic()
        until = [self._asked.setdefault(symbol, now) + _PATIENCE_S for symbol in symbols]
        for symbol, deadline in zip(symbols, until, strict=True):
            await self._begun(symbol, deadline - self._clock.monotonic())

    async def _begun(self, symbol: str, patience: float) -> None:
        """Return when a symbol has its past, `patience` seconds later at the latest."""
        waiting = [stage for stage in self._stages(symbol) if not (stage.ready or stage.absent)]
        if waiting and patience > 0:
            with suppress(TimeoutError):
                async with asyncio.timeout(patience):
                    for stage in waiting:
                        await stage.begun()

    def sweep(self) -> None:
        """Let go of the symbols that have gone on for long enough though nobody holds them."""
        for symbol in self._claims.expire():
            self._asked.pop(symbol, None)
            self._older.forget(symbol)
            self._runtime.drop_symbol(symbol)

    # data

    async def bars(
        self, symbol: str, every: str, start: int | None = None, end: int | None = None, limit: int | None = None, asker: Asker = ANYBODY
    ) -> list[Bar]:
        stage = self._stage(symbol)
        if stage is None:
            return []
        if every not in self.event_bars(symbol):
            count = self._count_back(timeframe(every).step, start, end, limit or LOOK_BACK)
            await self._candles.reach(stage, every, count, asker)
        waiting = next((ticks for flow in self._flows if (ticks := flow.waiting(symbol))), ())
        return await self.pool.read(asker, self._candles.read, stage, every, forming(stage, every, waiting), start, end, limit)

    def _count_back(self, step: int, start: int | None, end: int | None, limit: int) -> int:
        """How many bars of `step` ms it takes from now back to the oldest of the newest `limit` of start <= ts < end."""
        now = self.now()
        oldest = max(start or 0, min(now if end is None else end, now) - limit * step)
        return max(0, now - oldest) // step + 1

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

    async def analyse(self, y: str, x: str, every: str, window: int, method: str, style: Style = PLAIN, asker: Asker = ANYBODY) -> Analysis:
        return await self._analyst.analyse(Question(y, x, every, window, method, style), [self._stage(leg) for leg in (y, x)], asker)

    async def past(
        self, y: str, x: str, every: str, window: int, method: str, limit: int, style: Style = PLAIN, asker: Asker = ANYBODY
    ) -> PairPast:
        stages = [self._stage(leg) for leg in (y, x)]
        past = await self._analyst.past(Question(y, x, every, window, method, style), stages, limit, asker)
        rates = self._funding.beside(past, [self._flow_of(stage) if stage else None for stage in stages])
        return await asker.wait(rates, past)

    def predicts(self, method: str) -> bool:
        entry = self._registry.get("regression", method)
        return entry is not None and getattr(entry.plugin, "predicts", False)

    def gives_hedge(self, method: str) -> bool:
        return method in self._registry.of_given_hedge()

    def refits(self, method: str) -> bool:
        entry = self._registry.get("regression", method)
        assert entry is not None
        return takes_long(entry.plugin)  # type: ignore[arg-type]

    def standings(self) -> list[Standing]:
        return [standing for flow in self._flows for pair in flow.pairs for standing in standings(pair)]

    # alerts

    def add_rule(self, metric: str, pair: str, op: str, value: float) -> RestRule:
        rule = RestRule(str(uuid.uuid4()), metric, pair, op, value, self.now())
        self._rules.put(rule)
        self._watch(rule)
        self._judge_at_once(rule)
        return rule

    def rules(self) -> list[RestRule]:
        return self._rules.all()

    def delete_rule(self, rule_id: str) -> bool:
        rule = self._rules.drop(rule_id)
        if rule is None:
            return False
        self._engine.remove(rule_id)
        self._journal.forget([rule_id])
        self.save()
        if rule.metric != "price" and not self._wanted(rule.pair):
            self._runtime.drop_pair(rule.pair)
        self.release(f"rule:{rule_id}")
        return True

    def yaml_rules(self) -> list[tuple[str, str, str, bool]]:
        return [
            (watch.on, watch.rule.name, str(watch.rule.when), watch.since is not None) for watch in self._engine.watches if not watch.live
        ]

    def fired(self) -> list[Alert]:
        return self._journal.fired()

    def clear_fired(self) -> None:
        self._journal.clear()
        self.save()

    def quality(self) -> list[SymbolQuality]:
        return [quality_of(stage, flow, self._runtime.outlets.losses) for flow in self._flows for stage in flow.stages]

    def feeds(self) -> list[FeedState]:
        return [self._health(flow) for flow in self._flows]

    def troubles(self) -> list[Trouble]:
        return self._runtime.outlets.troubles.present()

    def _watch(self, rule: RestRule) -> None:
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
        return pair in [each.name for each in self._config.pairs] or any(rule.pair == pair for rule in self._rules.all())

    def save(self) -> None:
        """Put on disk what alerts have changed since the last call."""
        self._journal.save()
        self._rules.save()

    def _recall_rules(self) -> None:
        """The rules that were there before a restart."""
        for rule in self._rules.recall():
            self._watch(rule)
        stood = self._state.records.firing()
        self._journal.forget([each.alert_id for each in stood if not self._engine.resume(each.alert_id, each.since, each.id)])
        self.save()

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
        self._runtime.outlets.tell(self._engine.judge_now(self._nowcasts(rule.pair)))

    def _nowcasts(self, name: str) -> list[PairPoint]:
        return [point for flow in self._flows for pair in flow.pairs if pair.name == name for point in pair.nowcasts()]

    def _remember(self, alerts: Sequence[Alert]) -> None:
        self._journal.add(alerts)
        for alert in alerts:
            rule = self._rules.get(alert.alert_id)
            if rule and alert.state == "firing":
                rule.triggered_at = alert.ts
                rule.trigger_count += 1
                self._rules.touch([rule.id])

    # where things are

    @property
    def _flows(self) -> Sequence[FeedFlow]:
        return self._runtime.flows

    def _stage(self, symbol: str) -> SymbolStage | None:
        return next(iter(self._stages(symbol)), None)

    def _flow_of(self, stage: SymbolStage) -> FeedFlow | None:
        return next((flow for flow in self._flows if stage in flow.stages), None)

    def _stages(self, symbol: str) -> list[SymbolStage]:
        return [stage for flow in self._flows for stage in flow.stages if stage.symbol == symbol]

    def _health(self, flow: FeedFlow) -> FeedState:
        """How a feed fares. Only symbols that are held count: a question must not make the daemon unready."""
        held = [stage for stage in flow.stages if self._claims.is_held(stage.symbol) and not stage.absent]
        warm = sum(stage.ready for stage in held)
        state = "warming" if flow.state == "live" and warm < len(held) else flow.state
        newest = max((stage.last.ts for stage in flow.stages if stage.last), default=None)
        accepted = sum(stage.intake.accepted for stage in flow.stages)
        return FeedState(flow.name, state, newest, accepted, flow.refused, warm, len(held), flow.clock.offset, flow.health())
