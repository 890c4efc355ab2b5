"""A small market that stands still: every route has something to answer, and the same each time.

Prices are made of integers, and statistics are rounded, so that answers are the same bytes on every machine.
"""

from msgspec.structs import asdict, replace

from quantd.clock import EventClock
from quantd.conditions.parse import parse_condition
from quantd.config.matchers import as_matchers
from quantd.config.rules import Rule
from quantd.flow.alerts.silence import Silence
from quantd.flow.pairs import PairSpec, analyse
from quantd.model import Alert, Bar, BookBar, Gap, PairPoint, Tick
from quantd.plugin.feed_health import ConnectionHealth, FeedHealth
from quantd.plugin.guard import Guard
from quantd.rule_state import RuleState
from quantd.services.alerts import PipelineRule, RestRule
from quantd.services.analytics import Analysis, PairStatus
from quantd.services.rules import KnownRule
from quantd.services.status import FeedState, SymbolQuality
from quantd.stats.cointegration import EngleGranger
from quantd.stats.spreads import SpreadTest
from quantd.supervision.troubles import Trouble
from quantd.testing.fakes import START
from quantd.testing.services import FakeServices, fake_services
from quantd.timeframes import timeframe
from quantd_plugins.regressions.ols import Ols

PAIR = "BTCUSDT-ETHUSDT"
RULE_ID = "f7ab9285-1b87-4770-9b0c-1a8712d92cf4"
BARS, WINDOW = 24, 20
NOW = START + 3_600_000


def market() -> FakeServices:
    """The services of the market an hour after it opened."""
    services = fake_services()
    services.status.clock = EventClock(NOW)
    for tf in ("1s", "1m", "1h"):
        for symbol in ("BTCUSDT", "ETHUSDT"):
            services.market.stored[symbol, tf] = bars(symbol, tf)
    services.market.stored_books["BTCUSDT", "1m"] = [book_bar(number) for number in range(BARS)]
    services.market.push(sorted([*ticks("BTCUSDT"), *ticks("ETHUSDT")], key=lambda tick: tick.ts))
    services.symbols.hold("config", ["BTCUSDT", "ETHUSDT"])
    services.database.stored_ticks = ticks("BTCUSDT")
    services.database.stored["BTCUSDT", "1m"] = bars("BTCUSDT", "1m")
    _add_record(services)
    _add_pair(services)
    _add_alerts(services)
    _add_status(services)
    return services


def _price(symbol: str, number: int) -> float:
    """A price that goes up and down, ETHUSDT mostly as BTCUSDT does."""
    common = number * 37 % 101 + number * 53 % 89
    return 90_000 + common * 2.5 + number * 29 % 13 if symbol == "BTCUSDT" else 3_000 + common * 0.125


def bars(symbol: str, tf: str) -> list[Bar]:
    """The bars of a symbol up to now."""
    ts, made, step = NOW - BARS * timeframe(tf).step, [], timeframe(tf).step
    for number in range(BARS):
        begin, close = _price(symbol, number), _price(symbol, number + 1)
        numbers = begin, max(begin, close) + 0.5, min(begin, close) - 0.5, close, 12.5
        ids = 1 + 25 * number, 25 * (number + 1)
        made.append(Bar(symbol, tf, ts + number * step, *numbers, 25, (begin + close) / 2, 6.25, "complete", 0, *ids))
    return made


def ticks(symbol: str) -> list[Tick]:
    """The trades of a symbol in the last minute. Those of BTCUSDT come first."""
    lag = 0 if symbol == "BTCUSDT" else 500
    return [
        Tick(symbol, number + 1, NOW - 1_000 * (BARS - number) + lag, NOW, _price(symbol, number), 0.25, number % 2 == 0)
        for number in range(BARS)
    ]


def book_bar(number: int) -> BookBar:
    """A bar of the book."""
    ts = NOW - 60_000 * (BARS - number)
    return BookBar("BTCUSDT", "1m", ts, 0.1, 0.01, -0.25, 90_000.02, None, 7, 0, 90_000.5, 90_001.5, 0.0001, 1.0, "complete")


def points() -> list[PairPoint]:
    """The points of the pair, of which the last have a z-score."""
    spec = PairSpec(PAIR, "1m", Ols(window=WINDOW))
    made = analyse(bars("BTCUSDT", "1m"), bars("ETHUSDT", "1m"), spec, lambda plugin, user: Guard("regression", "ols", EventClock()))
    return [rounded(point) for point in made]


def rounded(point: PairPoint) -> PairPoint:
    """A point whose last digits do not depend on the machine."""
    values = {name: round(value, 6) for name, value in asdict(point).items() if isinstance(value, float)}
    hedge = {name: round(value, 6) for name, value in asdict(point.hedge).items() if isinstance(value, float)}
    return replace(point, **values, hedge=replace(point.hedge, **hedge))


def _add_record(services: FakeServices) -> None:
    history = services.record.history
    for symbol in ("BTCUSDT", "ETHUSDT"):
        history.put_ticks(symbol, ticks(symbol))
        history.put_bars(bars(symbol, "1m"))
    history.put_points(points())


def _add_pair(services: FakeServices) -> None:
    made = points()
    tests = SpreadTest(BARS, -3.25, 0.0172), EngleGranger(180, -3.5, 0.0312, 1), EngleGranger(180, -3.25, 0.0605, 0)
    services.analytics.regressions = ["ols", "huber", "theil-sen", "kalman", "fixed"]
    services.analytics.analysis = Analysis(made, *tests)
    now = replace(made[-1], ts=NOW - 500, provisional=True)
    services.analytics.statuses = [
        PairStatus(PAIR, "1m", now.ts, WINDOW, WINDOW, now, None),
        PairStatus(PAIR, "1h", now.ts, 12, WINDOW, None, "warming"),
    ]


def _add_alerts(services: FakeServices) -> None:
    services.alerts.of_pipelines = [PipelineRule(PAIR, "stretched", "abs(zscore) > 2", False)]
    services.alerts.keep(RestRule(RULE_ID, "price", "BTCUSDT", ">", 90_000.0, START, START + 60_500, 1))
    by_trade, by_bar = START + 60_500, START + 120_000
    of_request = Alert(
        f"{RULE_ID}@{by_trade}", RULE_ID, "price > 90000.0", "BTCUSDT", "firing", 90_001.5, 90_000.0, by_trade, by_trade,
        "price > 90000.0 for BTCUSDT", "price",
    )  # fmt: skip
    of_pipeline = Alert(
        f"{PAIR}/stretched@{by_bar}", f"{PAIR}/stretched", "abs(zscore) > 2", PAIR, "firing", 2.5, 2.0, by_bar, by_bar + 500,
        f"{PAIR} 1m stretched: abs(zscore) > 2", "zscore", by_bar - 60_000,
    )  # fmt: skip
    services.silences.take(of_pipeline)
    services.silences.keep(Silence("s1", as_matchers("rule=drift"), START, NOW + 3_600_000, comment="moving the host", by="ann"))
    far = Rule(name="far", when=parse_condition("abs(zscore) > 2.5 and corr > 0.5"), every="1m", for_=300_000, send=("log",))
    fired = RuleState("firing", START, triggered_at=START + 300_000, trigger_count=1)
    services.rules.known[RULE_ID] = KnownRule(RULE_ID, PAIR, "request", far, fired, 2.75, created_at=START)
    rule = Rule(name="stretched", when=parse_condition("abs(zscore) > 2"), every="1m", send=("log",))
    services.explain.judge.engine.add(rule, PAIR)
    services.alerts.fire([of_request, of_pipeline])
    last = replace(of_pipeline, id=f"{PAIR}/stretched@{NOW}", since=NOW, ts=NOW, bar=NOW - 60_000)
    services.events.publish("alerts", [last])


def _add_status(services: FakeServices) -> None:
    one = ConnectionHealth("market-1", "market", 4, "up", 3_600.0)
    services.status.feed_states = [FeedState("binance-futures", "live", NOW - 500, 120, 0, 2, 2, -20, FeedHealth((one,)))]
    services.status.present = [Trouble("clock", "binance-futures", "the host's clock is 20 ms behind the venue's", START)]
    gap = Gap("BTCUSDT", 41, 45, NOW - 30_000, NOW - 29_500, NOW - 29_400, None, "disconnected")
    services.status.qualities = [SymbolQuality("BTCUSDT", "live", 60, NOW - 1_000, 55, 1, 0, 5, 0, 2, 0, 12.0, 40.0, [gap])]
