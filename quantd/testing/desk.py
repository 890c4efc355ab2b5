"""A desk without feeds: a test says what it knows, and tells its listeners what happens."""

from collections import defaultdict, deque
from collections.abc import Sequence

from quantd.clock import Clock, EventClock
from quantd.flow.hub import Hub
from quantd.model import Alert, Bar, BookBar, Hedge, PairPoint, Tick, Ticker
from quantd.pool import ANYBODY, Asker, Pool, Workers
from quantd.services.desk import PLAIN, Analysis, Desk, FeedState, PairPast, RestRule, Standing, Style, SymbolQuality
from quantd.stats.funding import Rates
from quantd.supervision.troubles import Trouble, Troubles
from quantd.testing.fakes import START
from quantd.timeframes import timeframe

LISTED = ("BTCUSDT", "ETHUSDT", "BNBUSDT", "SOLUSDT", "ADAUSDT")


class FakeDesk(Desk):
    """Everything in memory and nothing computed: `analysis` answers for any two symbols, `bars` come from `kept`."""

    def __init__(self, listed: Sequence[str] = LISTED, others: Sequence[str] = ("DOGEUSDT",), clock: Clock | None = None) -> None:
        self.hub = Hub()
        self.clock = clock or EventClock(START)
        self.pool = Pool(Workers("", b"", Troubles(self.clock)))
        self.kept: dict[tuple[str, str], list[Bar]] = {}
        self.analysis = Analysis([])
        self.funding: dict[str, Rates] = {}
        self.asked: list[tuple[str, str, str, int, str]] = []
        self.style = PLAIN
        self.stands: list[Standing] = []
        self.warmed: list[str] = []
        self.regressions = ["ols", "huber"]
        self.kept_books: dict[tuple[str, str], list[BookBar]] = {}
        self.health: list[FeedState] = []
        self.wrong: list[Trouble] = []
        self.qualities: list[SymbolQuality] = []
        self.held: dict[str, set[str]] = {}
        self.pipelines: list[tuple[str, str, str, bool]] = []
        self._listed = list(listed)
        self._others = list(others)
        self._ring: dict[str, deque[Tick]] = defaultdict(lambda: deque(maxlen=self.ring_size()))
        self._tickers: dict[str, Ticker] = {}
        self._rules: dict[str, RestRule] = {}
        self._fired: list[Alert] = []

    def push(self, ticks: Sequence[Tick]) -> None:
        """Ticks come in."""
        for tick in ticks:
            self._ring[tick.symbol].append(tick)
        self.hub.publish("ticks", ticks)

    def push_tickers(self, tickers: Sequence[Ticker]) -> None:
        """Tickers come in."""
        self._tickers |= {ticker.symbol: ticker for ticker in tickers}
        self.hub.publish("tickers", tickers)

    def push_books(self, bars: Sequence[BookBar]) -> None:
        """Book bars close."""
        for bar in bars:
            self.kept_books.setdefault((bar.symbol, bar.every), []).append(bar)
        self.hub.publish("books", bars)

    def fire(self, alerts: Sequence[Alert]) -> None:
        """Rules change their state."""
        self._fired += alerts
        self.hub.publish("alerts", alerts)

    def now(self) -> int:
        return self.clock.now()

    def listed(self) -> list[str]:
        return list(self._listed)

    def supported(self) -> list[str]:
        return self._listed + self._others

    def active(self) -> list[str]:
        return [symbol for symbol in self.supported() if any(symbol in held for held in self.held.values())]

    def flowing(self) -> list[str]:
        return [symbol for symbol in self.active() if self.last_tick(symbol)]

    def hold(self, holder: str, symbols: Sequence[str]) -> None:
        self.held.setdefault(holder, set()).update(symbols)

    def release(self, holder: str, symbols: Sequence[str] | None = None) -> None:
        left = set() if symbols is None else self.held.get(holder, set()).difference(symbols)
        self.held = {name: held for name, held in self.held.items() if name != holder} | ({holder: left} if left else {})

    async def warm_up(self, symbols: Sequence[str]) -> None:
        self.warmed += symbols

    async def bars(
        self, symbol: str, every: str, start: int | None = None, end: int | None = None, limit: int | None = None, asker: Asker = ANYBODY
    ) -> list[Bar]:
        bars = self.kept.get((symbol, every if "-" in every else timeframe(every).name), [])
        found = [bar for bar in bars if (start is None or start <= bar.ts) and (end is None or bar.ts < end)]
        return found if limit is None else found[-limit:]

    def event_bars(self, symbol: str) -> list[str]:
        return [every for name, every in self.kept if name == symbol and "-" in every]

    def books(self, symbol: str, every: str) -> list[BookBar]:
        return self.kept_books.get((symbol, every), [])

    def ticks(self, symbol: str, start: int | None = None, end: int | None = None, limit: int = 1000) -> list[Tick]:
        return [tick for tick in self._ring[symbol] if (start is None or start <= tick.ts) and (end is None or tick.ts < end)][-limit:]

    def tick_counts(self) -> dict[str, int]:
        return {symbol: len(ring) for symbol, ring in self._ring.items() if ring}

    def ring_size(self) -> int:
        return 2_000

    def last_tick(self, symbol: str) -> Tick | None:
        ring = self._ring[symbol]
        return ring[-1] if ring else None

    def ticker(self, symbol: str) -> Ticker | None:
        return self._tickers.get(symbol)

    def clear(self, symbol: str | None) -> None:
        for name in [symbol] if symbol else list(self._ring):
            self._ring[name].clear()

    def methods(self) -> list[str]:
        return self.regressions

    async def analyse(self, y: str, x: str, every: str, window: int, method: str, style: Style = PLAIN, asker: Asker = ANYBODY) -> Analysis:
        self.asked.append((y, x, every, window, method))
        self.style = style
        if y != x:
            return self.analysis
        return Analysis([_same(bar, window) for bar in await self.bars(y, every)])

    async def past(
        self, y: str, x: str, every: str, window: int, method: str, limit: int, style: Style = PLAIN, asker: Asker = ANYBODY
    ) -> PairPast:
        self.style = style
        self.asked.append((y, x, every, window, method))
        return PairPast(await self.bars(y, every), await self.bars(x, every), self.analysis.points, self.funding)

    def predicts(self, method: str) -> bool:
        return method == "kalman"

    def gives_hedge(self, method: str) -> bool:
        return method == "fixed"

    def refits(self, method: str) -> bool:
        return method == "theil-sen"

    def standings(self) -> list[Standing]:
        return self.stands

    def add_rule(self, metric: str, pair: str, op: str, value: float) -> RestRule:
        rule = RestRule(f"rule-{len(self._rules) + 1}", metric, pair, op, value, self.now())
        self._rules[rule.id] = rule
        return rule

    def rules(self) -> list[RestRule]:
        return list(self._rules.values())

    def delete_rule(self, rule_id: str) -> bool:
        return self._rules.pop(rule_id, None) is not None

    def yaml_rules(self) -> list[tuple[str, str, str, bool]]:
        return self.pipelines

    def fired(self) -> list[Alert]:
        return sorted(self._fired, key=lambda alert: alert.ts)

    def clear_fired(self) -> None:
        self._fired.clear()

    def quality(self) -> list[SymbolQuality]:
        return self.qualities

    def troubles(self) -> list[Trouble]:
        return self.wrong

    def feeds(self) -> list[FeedState]:
        return self.health


def _same(bar: Bar, window: int) -> PairPoint:
    hedge = Hedge(0.0, 1.0, window)
    return PairPoint(f"{bar.symbol}-{bar.symbol}", bar.every, bar.ts, bar.close, bar.close, hedge, 0.0, 0.0, 1.0, 1.0, bar.quality)
