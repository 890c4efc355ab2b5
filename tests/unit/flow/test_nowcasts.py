"""Now-casts are made for who looks at them, and nobody notices that the others are not."""

from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from quantd.clock import EventClock
from quantd.conditions.parse import parse_condition
from quantd.config.model import Config, PairEntry, Pipeline
from quantd.config.rules import Rule
from quantd.flow.alerts.engine import AlertEngine
from quantd.flow.alerts.rule import AlertRule
from quantd.metrics import Metrics
from quantd.model import Alert, PairPoint, Tick
from quantd.runtime.metrics import register_metrics
from quantd.testing import fakes
from quantd.testing.bench import Bench, Venue
from quantd_plugins.regressions.ols import Ols
from quantd_plugins.resamplers.time import TimeBars

WINDOW, SECONDS = 3, 9


def bench(pairs: Sequence[tuple[str, str]], *every: str) -> Bench:
    """A flow of these pairs."""
    pipeline = Pipeline(name="default", feed="venue", bars=TimeBars(every=every or ("1s",)), regression=Ols(window=WINDOW))
    entries = tuple(PairEntry(y, x, pipeline.name) for y, x in pairs)
    return Bench(Config(pairs=entries, feeds={"venue": Venue()}, pipelines={pipeline.name: pipeline}))


def rule(pair: str, when: str = "zscore > 1", every: str = "1s", name: str = "") -> AlertRule:
    """A rule that is judged between closes."""
    return AlertRule(
        name or f"{pair} {when} {every}", Rule(name="any", when=parse_condition(when), every=every, coverage=0.0, on="tick"), pair, ""
    )


def trade(symbol: str, number: int, at: int, price: float | None = None) -> Tick:
    """A trade of this id, `at` ms after the start."""
    return fakes.tick(symbol, number, at, price or 100.0 + (number * ord(symbol[0])) % 7)


def warm(of: Bench, symbols: Sequence[str]) -> None:
    """Trade each symbol in each of the first seconds, so that pairs have points on all timeframes."""
    for second in range(SECONDS):
        of.process([trade(symbol, second + 1, second * 1_000) for symbol in symbols])


def made(of: Bench) -> int:
    """The number of now-casts that Prometheus reads."""
    metrics = Metrics()
    register_metrics(of.runtime, metrics, EventClock())
    lines = metrics.render()[0].decode().splitlines()
    return int(float(next(line.split()[1] for line in lines if line.startswith("quantd_nowcasts_total"))))


def test_one_rule_makes_now_casts_of_its_pair_alone() -> None:
    pairs = [(f"Y{number:02}", f"X{number:02}") for number in range(50)]
    flow, symbols = bench(pairs, "1s", "2s"), [symbol for pair in pairs for symbol in pair]
    warm(flow, symbols)
    assert made(flow) == 0, "nobody looked"
    flow.runtime.add_rule(rule("Y07-X07"))
    for batch in range(4):
        flow.process([trade(symbol, 10 + batch, 8_100 + 10 * batch) for symbol in symbols])
    assert made(flow) == 4, "one a batch, on the timeframe of the rule"
    flow.process([trade(symbol, 14, 8_200) for symbol in symbols if symbol not in ("Y07", "X07")])
    assert made(flow) == 4, "its legs have not traded"
    flow.runtime.drop_rule("Y07-X07 zscore > 1 1s")
    flow.process([trade(symbol, 15, 8_300) for symbol in symbols])
    assert made(flow) == 4, "nobody looks any more"


def test_a_closed_bar_makes_a_new_now_cast_without_a_trade_of_its_legs() -> None:
    flow = bench([("Y", "X"), ("A", "B")])
    warm(flow, "YXAB")
    flow.runtime.add_rule(rule("Y-X"))
    flow.process([trade("A", 10, 8_100)])
    assert made(flow) == 1, "somebody has begun to look"
    flow.process([trade("A", 11, 8_200)])
    assert made(flow) == 1
    flow.process([trade("A", 12, 9_600)])
    assert made(flow) == 2, "the hedge and the gauge are those of the bar that has closed"


def test_a_listener_gets_the_pairs_that_it_names() -> None:
    flow = bench([("Y", "X"), ("A", "B"), ("C", "D")])
    one: list[PairPoint] = []
    rest: list[PairPoint] = []
    unlisten = flow.hub.listen("nowcasts", one.extend, pairs=["Y-X", "Z-Z"])
    warm(flow, "YXABCD")
    flow.process([trade(symbol, 10, 8_100) for symbol in "YXABCD"])
    assert {point.pair for point in one} == {"Y-X"}
    assert made(flow) == len(one)
    flow.hub.listen("nowcasts", rest.extend)
    flow.process([trade(symbol, 11, 8_200) for symbol in "YXABCD"])
    assert [point.pair for point in rest] == ["Y-X", "A-B", "C-D"]
    assert one[-1] == rest[0]
    unlisten()
    flow.process([trade(symbol, 12, 8_300) for symbol in "YXABCD"])
    assert (one[-1].ts, len(rest)) == (rest[0].ts, 6)


def test_a_rule_made_anew_is_judged_although_nothing_has_traded() -> None:
    flow, told = bench([("Y", "X"), ("A", "B")]), list[Alert]()
    flow.hub.listen("alerts", told.extend)
    warm(flow, "YXAB")
    for _ in range(2):
        flow.runtime.add_rule(rule("Y-X", "beta > -1000"))
        flow.process([trade("A", 10, 8_100)])
    assert [alert.state for alert in told] == ["firing", "firing"]


PAIRS = [("Y", "X"), ("A", "X"), ("A", "B")]
prices = st.integers(1, 9).map(float)
trades = st.tuples(st.sampled_from("YXAB"), st.integers(0, 400), prices)
batches = st.lists(trades, max_size=4)
rules = st.tuples(st.sampled_from(["add", "remove"]), st.sampled_from(["Y-X", "A-X", "A-B"]), st.sampled_from(["zscore > 0", "spread < 1"]))
acts = st.one_of(batches, batches, batches, rules, st.tuples(st.sampled_from(["drop", "join"])))


class Watched:
    """A flow, and what its rules would tell if the now-casts of all pairs were made after each batch."""

    def __init__(self) -> None:
        self.flow, self.naive = bench(PAIRS, "1s", "2s"), AlertEngine()
        self.told: list[Alert] = []
        self.expected: list[Alert] = []
        self.flow.hub.listen("alerts", self.told.extend)
        self._ids = dict.fromkeys("YXAB", 0)
        self._time = 0

    def process(self, rows: Sequence[tuple[str, int, float]]) -> None:
        events = []
        for symbol, later, price in rows:
            self._time += later
            self._ids[symbol] += 1
            events.append(trade(symbol, self._ids[symbol], self._time, price))
        self.flow.process(events)
        points = [point for pair in self.flow.flow.pairs for point in pair.nowcasts()]
        self.expected += [alert for alert, _ in self.naive.judge_now(points)]

    def change(self, act: str, pair: str, when: str) -> None:
        for every in ("1s", "2s"):
            made = rule(pair, when, every)
            if act == "add":
                self.flow.runtime.add_rule(made)
                self.naive.put(made)
            else:
                self.flow.runtime.outputs.alerts.remove(made.id)
                self.naive.remove(made.id)

    def drop(self) -> None:
        self.flow.runtime.drop_pair("A-X")

    def join(self) -> None:
        if all(pair.name != "A-X" for pair in self.flow.flow.pairs):
            self.flow.runtime.add_pair(PairEntry("A", "X", "default"), self.flow.config.pipelines["default"])


@given(st.lists(acts, min_size=10, max_size=40))
def test_rules_tell_what_they_would_tell_if_all_were_made(done: Sequence[tuple[str, ...] | list[tuple[str, int, float]]]) -> None:
    at = Watched()
    for pair in ("Y-X", "A-X"):
        at.change("add", pair, "zscore > 0")
    for number in range(4):
        at.process([(symbol, 250, float(number * 3 % 5 + 1 + (symbol in "YA") * number)) for symbol in "YXAB"])
    for act in done:
        if isinstance(act, list):
            at.process(act)
        elif len(act) == 3:
            at.change(*act)
        else:
            getattr(at, act[0])()
    assert at.told == at.expected


def test_no_now_cast_is_made_of_a_pair_that_was_dropped() -> None:
    flow = bench([("Y", "X"), ("A", "B")])
    warm(flow, "YXAB")
    flow.runtime.add_rule(rule("Y-X"))
    flow.runtime.drop_pair("Y-X")
    flow.process([trade("Y", 10, 8_100), trade("X", 10, 8_100)])
    assert made(flow) == 0
