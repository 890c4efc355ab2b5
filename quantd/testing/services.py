"""Fake services without feeds: a test sets what they know and publishes events."""

from collections import defaultdict, deque
from collections.abc import Hashable, Mapping, Sequence
from itertools import count

from quantd.clock import Clock, EventClock
from quantd.conditions.model import Operator
from quantd.flow.hub import Hub
from quantd.history.history import History
from quantd.model import Alert, Bar, BookBar, Hedge, PairPoint, Tick, Ticker
from quantd.pool import ANYBODY, Asker, Pool, Workers
from quantd.services.alerts import Alerts, PipelineRule, RestRule
from quantd.services.analytics import Analysis, Analytics, Method, PairPast, PairStatus, Question
from quantd.services.bundle import Services
from quantd.services.live.record import LiveRecord
from quantd.services.market import Market
from quantd.services.status import FeedState, Status, SymbolQuality
from quantd.services.symbols import Symbols
from quantd.stats.funding import Rates
from quantd.supervision.troubles import Trouble, Troubles
from quantd.testing.database import FakeDatabase
from quantd.testing.deliveries import FakeDeliveries
from quantd.testing.explain import FakeExplain
from quantd.testing.fakes import START
from quantd.testing.rules import FakeRules
from quantd.testing.silences import FakeSilences
from quantd.timeframes import timeframe

LISTED = ("BTCUSDT", "ETHUSDT", "BNBUSDT", "SOLUSDT", "ADAUSDT")
OTHERS = ("DOGEUSDT",)
_METHODS = {
    "kalman": Method("kalman", predicts=True),
    "fixed": Method("fixed", takes_hedge=True),
    "theil-sen": Method("theil-sen", refits=True),
}


class FakeSymbols(Symbols):
    """Symbols that are not streamed. `held` maps each holder to its symbols, `warmed` lists the symbols that were asked for. A symbol flows
    if it is held and `market` has a tick of it."""

    def __init__(self, market: Market, listed: Sequence[str] = LISTED, others: Sequence[str] = OTHERS) -> None:
        self.held: dict[str, set[str]] = {}
        self.warmed: list[str] = []
        self.names = [*listed, *others]
        """The supported symbols."""
        self._market = market
        self._listed = list(listed)

    def listed(self) -> list[str]:
        return list(self._listed)

    def supported(self) -> list[str]:
        return list(self.names)

    def active(self) -> list[str]:
        return [symbol for symbol in self.names if any(symbol in held for held in self.held.values())]

    def flowing(self) -> list[str]:
        return [symbol for symbol in self.active() if self._market.last_tick(symbol)]

    def hold(self, holder: str, symbols: Sequence[str]) -> None:
        self.held.setdefault(holder, set()).update(symbols)

    def release(self, holder: str, symbols: Sequence[str] | None = None) -> None:
        left = set() if symbols is None else self.held.get(holder, set()).difference(symbols)
        self.held = {name: held for name, held in self.held.items() if name != holder} | ({holder: left} if left else {})

    def is_warm(self, symbols: Sequence[str]) -> bool:
        return all(symbol in self.warmed for symbol in symbols)

    async def warm_up(self, symbols: Sequence[str]) -> None:
        self.warmed += symbols


class FakeMarket(Market):
    """Market data in memory: `stored` holds the bars by symbol and timeframe, `stored_books` the book bars. `state` is the version of all
    bars, None while it is not known."""

    def __init__(self, hub: Hub) -> None:
        self.state: Hashable | None = None
        self.stored: dict[tuple[str, str], list[Bar]] = {}
        self.stored_books: dict[tuple[str, str], list[BookBar]] = {}
        self._hub = hub
        self._ticks: dict[str, deque[Tick]] = defaultdict(lambda: deque(maxlen=self.tick_capacity()))
        self._tickers: dict[str, Ticker] = {}

    def push(self, ticks: Sequence[Tick]) -> None:
        """Add ticks and publish them."""
        for tick in ticks:
            self._ticks[tick.symbol].append(tick)
        self._hub.publish("ticks", ticks)

    def push_tickers(self, tickers: Sequence[Ticker]) -> None:
        """Add tickers and publish them."""
        self._tickers |= {ticker.symbol: ticker for ticker in tickers}
        self._hub.publish("tickers", tickers)

    def push_books(self, bars: Sequence[BookBar]) -> None:
        """Add closed book bars and publish them."""
        for bar in bars:
            self.stored_books.setdefault((bar.symbol, bar.every), []).append(bar)
        self._hub.publish("books", bars)

    async def bars(
        self, symbol: str, every: str, start: int | None = None, end: int | None = None, limit: int | None = None, asker: Asker = ANYBODY
    ) -> list[Bar]:
        bars = self.stored.get((symbol, every if "-" in every else timeframe(every).name), [])
        found = [bar for bar in bars if (start is None or start <= bar.ts) and (end is None or bar.ts < end)]
        return found if limit is None else found[-limit:]

    def version(
        self, symbol: str, every: str, start: int | None = None, end: int | None = None, limit: int | None = None
    ) -> Hashable | None:
        return self.state

    async def prepare(
        self, symbol: str, every: str, start: int | None = None, end: int | None = None, limit: int | None = None, asker: Asker = ANYBODY
    ) -> None: ...

    def event_bars(self, symbol: str) -> list[str]:
        return [every for name, every in self.stored if name == symbol and "-" in every]

    def timeframes(self, symbol: str) -> list[str]:
        return ["1s", "1m", *self.event_bars(symbol)]

    def newest_bar(self, symbol: str, every: str) -> Bar | None:
        return next(iter(self.stored.get((symbol, every), [])[-1:]), None)

    def book_timeframes(self, symbol: str) -> list[str]:
        return list(dict.fromkeys(every for name, every in self.stored_books if name == symbol))

    def books(self, symbol: str, every: str) -> list[BookBar]:
        return self.stored_books.get((symbol, every), [])

    def ticks(
        self, symbol: str, start: int | None = None, end: int | None = None, limit: int = 1000, before_id: int | None = None
    ) -> list[Tick]:
        found = [tick for tick in self._ticks[symbol] if (start is None or tick.ts >= start) and (end is None or tick.ts < end)]
        if before_id is not None:
            found = sorted((tick for tick in found if tick.id < before_id), key=lambda tick: tick.id)
        return found[-limit:]

    def tick_counts(self) -> dict[str, int]:
        return {symbol: len(ticks) for symbol, ticks in self._ticks.items() if ticks}

    def tick_capacity(self) -> int:
        return 2_000

    def last_tick(self, symbol: str) -> Tick | None:
        ticks = self._ticks[symbol]
        return ticks[-1] if ticks else None

    def ticker(self, symbol: str) -> Ticker | None:
        return self._tickers.get(symbol)

    def clear_ticks(self, symbol: str | None) -> None:
        for name in [symbol] if symbol else list(self._ticks):
            self._ticks[name].clear()


class FakeRecord(LiveRecord):
    """Recorded rows: those that a test puts into `history`, which has no store."""

    def __init__(self, pool: Pool) -> None:
        self.history = History(None, recent=100_000)
        super().__init__(self.history, pool)


class FakeAnalytics(Analytics):
    """Analytics without computation: `analysis` is the result for any two symbols, `points` holds those of the processed pairs by pair and
    timeframe, and `asked` lists the requests so far. `state` is the version of all answers, None while it is not known."""

    def __init__(self, market: Market) -> None:
        self.state: Hashable | None = None
        self.analysis = Analysis([])
        self.points: dict[tuple[str, str], list[PairPoint]] = {("BTCUSDT-ETHUSDT", "1s"): [], ("BTCUSDT-ETHUSDT", "1m"): []}
        self.funding: Mapping[str, Rates] = {}
        self.asked: list[Question] = []
        self.statuses: list[PairStatus] = []
        self.regressions = ["ols", "huber"]
        self._market = market

    def methods(self) -> list[Method]:
        return [_METHODS.get(name, Method(name)) for name in self.regressions]

    def version(self, question: Question) -> Hashable | None:
        return self.state

    async def prepare(self, question: Question, asker: Asker = ANYBODY) -> None: ...

    async def analyse(self, question: Question, asker: Asker = ANYBODY) -> Analysis:
        self.asked.append(question)
        if question.y != question.x:
            return self.analysis
        return Analysis([_same(bar, question.window) for bar in await self._market.bars(question.y, question.every)])

    async def past(self, question: Question, limit: int, asker: Asker = ANYBODY) -> PairPast:
        self.asked.append(question)
        y, x = [await self._market.bars(leg, question.every) for leg in (question.y, question.x)]
        return PairPast(y, x, self.analysis.points, self.funding)

    def series(self) -> list[tuple[str, str]]:
        return list(self.points)

    def newest(self, pair: str, every: str) -> PairPoint | None:
        return next(iter(self.points[pair, every][-1:]), None)

    def nowcasts(self, pair: str) -> list[PairPoint]:
        return [status.point for status in self.statuses if status.pair == pair and status.point]

    def pairs(self) -> list[PairStatus]:
        return self.statuses

    def pairs_version(self) -> Hashable | None:
        return self.state


class FakeAlerts(Alerts):
    """Alerts without rules: `fire` publishes what has fired."""

    def __init__(self, hub: Hub, clock: Clock) -> None:
        self.of_pipelines: list[PipelineRule] = []
        self._hub = hub
        self._clock = clock
        self._rules: dict[str, RestRule] = {}
        self._numbers = count(1)
        self._fired: list[Alert] = []

    def fire(self, alerts: Sequence[Alert]) -> None:
        """Change the state of rules and publish the alerts."""
        self._fired += alerts
        self._hub.publish("alerts", alerts)

    def add(self, metric: str, pair: str, op: Operator, value: float, owner: str | None = None) -> RestRule:
        rule = RestRule(f"rule-{next(self._numbers)}", metric, pair, op, value, self._clock.now(), owner=owner)
        self._rules[rule.id] = rule
        return rule

    def keep(self, rule: RestRule) -> None:
        """Have a rule as if it had been made before."""
        self._rules[rule.id] = rule

    def rules(self) -> list[RestRule]:
        return list(self._rules.values())

    def delete(self, rule_id: str) -> bool:
        return self._rules.pop(rule_id, None) is not None

    def pipeline_rules(self) -> list[PipelineRule]:
        return self.of_pipelines

    def fired(self) -> list[Alert]:
        return sorted(self._fired, key=lambda alert: alert.ts)

    def clear_fired(self) -> None:
        self._fired.clear()


class FakeStatus(Status):
    """A status that the test sets."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.feed_states: list[FeedState] = []
        self.qualities: list[SymbolQuality] = []
        self.present: list[Trouble] = []

    def now(self) -> int:
        return self.clock.now()

    def feeds(self) -> list[FeedState]:
        return self.feed_states

    def quality(self) -> list[SymbolQuality]:
        return self.qualities

    def troubles(self) -> list[Trouble]:
        return self.present


class FakeServices(Services, frozen=True):
    """The services, with the state that a test sets."""

    symbols: FakeSymbols
    market: FakeMarket
    record: FakeRecord
    analytics: FakeAnalytics
    alerts: FakeAlerts
    rules: FakeRules
    silences: FakeSilences
    deliveries: FakeDeliveries
    explain: FakeExplain
    status: FakeStatus
    events: Hub
    database: FakeDatabase


def fake_services(listed: Sequence[str] = LISTED, others: Sequence[str] = OTHERS) -> FakeServices:
    """Return services that know the symbols and nothing else."""
    hub, clock = Hub(), EventClock(START)
    market, pool = FakeMarket(hub), Pool(Workers("", b"", Troubles(clock)))
    record = FakeRecord(pool)
    return FakeServices(
        symbols=FakeSymbols(market, listed, others),
        market=market,
        record=record,
        analytics=FakeAnalytics(market),
        alerts=FakeAlerts(hub, clock),
        rules=FakeRules(clock),
        silences=FakeSilences(clock),
        deliveries=FakeDeliveries(),
        explain=FakeExplain(hub, record.history, pool),
        status=FakeStatus(clock),
        database=FakeDatabase(),
        events=hub,
        pool=pool,
    )


def _same(bar: Bar, window: int) -> PairPoint:
    hedge = Hedge(0.0, 1.0, window)
    return PairPoint(f"{bar.symbol}-{bar.symbol}", bar.every, bar.ts, bar.close, bar.close, hedge, 0.0, 0.0, 1.0, 1.0, bar.quality)
