"""Points with settings of a rule's own: made once a close and question, judged in order, at the moment of their bar."""

import asyncio

import msgspec
import pytest

from quantd.clock import Clock
from quantd.conditions.parse import parse_condition
from quantd.config.rules import Rule
from quantd.flow.alerts.engine import AlertEngine
from quantd.flow.alerts.outbox import Outbox
from quantd.flow.alerts.rule import AlertRule
from quantd.flow.hub import Hub
from quantd.flow.outputs import Outputs
from quantd.history.history import History
from quantd.model import Alert, PairPoint
from quantd.pool import ANYBODY, Asker, Busy
from quantd.services.analytics import Analysis, Question
from quantd.services.live.rule_analyses import RuleAnalyses
from quantd.testing import fakes
from quantd.testing.fakes import START
from quantd.testing.services import FakeAnalytics, FakeMarket

MINUTE = 60_000
SLOW = Question("Y", "X", "1m", 120, "kalman")


def point(minute: int, zscore: float) -> PairPoint:
    return msgspec.structs.replace(fakes.points(6, pair="Y-X")[5], zscore=zscore, ts=START + minute * MINUTE)


class Busily(FakeAnalytics):
    """Analytics that are busy for the next `times` questions."""

    times = 0

    async def analyse(self, question: Question, asker: Asker = ANYBODY) -> Analysis:
        if self.times:
            self.times -= 1
            raise Busy("everybody asks", 1)
        return await super().analyse(question, asker)


class Bench:
    """Rules on Y-X with a window of 120 bars of their own."""

    def __init__(self, clock: Clock | None = None) -> None:
        self.outputs = Outputs(History(None), AlertEngine(clock), Outbox({}), Hub())
        self.analytics = Busily(FakeMarket(self.outputs.hub))
        self.analyses = RuleAnalyses(self.analytics, self.outputs)
        self.told: list[Alert] = []
        self.outputs.hub.listen("alerts", self.told.extend)

    def add(self, rule_id: str, question: Question = SLOW) -> None:
        analysis = self.analyses.put(rule_id, question)
        rule = Rule(name=rule_id, when=parse_condition("zscore > 2"), every="1m")
        self.outputs.alerts.put(AlertRule(rule_id, rule, "Y-X", "text", analysis=analysis))

    async def close(self, minute: int, *legs: str, every: str = "1m") -> None:
        """Close a bar of these legs."""
        ts = START + minute * MINUTE
        self.outputs.hub.publish("bars", [bar for leg in legs for bar in fakes.flat_bars([1.0], symbol=leg, every=every, start=ts)])
        await self.analyses.settled()


@pytest.fixture
async def bench() -> Bench:
    return Bench()


async def test_a_rule_fires_at_the_end_of_its_bar_under_the_name_of_its_pair(bench: Bench) -> None:
    bench.add("slow")
    bench.analytics.analysis = Analysis([point(0, 3.0), point(1, 1.0)])
    await bench.close(1, "Y", "X")
    assert bench.told == [], "a new rule begins at the newest closed bar"
    bench.analytics.analysis = Analysis([point(1, 1.0), point(2, 3.0)])
    await bench.close(2, "Y", "X")
    (fired,) = bench.told
    assert (fired.pair, fired.state, fired.bar, fired.since) == ("Y-X", "firing", START + 2 * MINUTE, START + 3 * MINUTE)
    assert bench.analyses.newest("slow") == point(2, 3.0)


async def test_it_waits_for_both_legs(bench: Bench) -> None:
    bench.add("slow")
    await bench.close(1, "Y")
    assert bench.analytics.asked == []
    await bench.close(1, "X")
    assert bench.analytics.asked == [SLOW]


async def test_bars_missed_meanwhile_are_judged_in_order(bench: Bench) -> None:
    bench.add("slow")
    bench.analytics.analysis = Analysis([point(0, 1.0)])
    await bench.close(0, "Y", "X")
    bench.analytics.times = 1
    bench.analytics.analysis = Analysis([point(0, 1.0), point(1, 3.0)])
    await bench.close(1, "Y", "X")
    assert [trouble.what for trouble in bench.outputs.troubles.present()] == ["rules"]
    bench.analytics.analysis = Analysis([point(0, 1.0), point(1, 3.0), point(2, 1.0)])
    await bench.close(2, "Y", "X")
    assert [(alert.state, alert.bar) for alert in bench.told] == [("firing", START + MINUTE), ("resolved", START + 2 * MINUTE)]
    assert bench.outputs.troubles.present() == []


async def test_equal_questions_are_asked_once(bench: Bench) -> None:
    bench.add("one")
    bench.add("two")
    bench.add("other", msgspec.structs.replace(SLOW, window=60))
    bench.analytics.analysis = Analysis([point(1, 3.0)])
    await bench.close(1, "Y", "X")
    assert len(bench.analytics.asked) == 2
    assert sorted(alert.rule for alert in bench.told) == ["one", "other", "two"]


async def test_a_longer_timeframe_is_asked_when_its_bucket_ends(bench: Bench) -> None:
    bench.add("slow", msgspec.structs.replace(SLOW, every="5m"))
    for minute in range(5):
        await bench.close(minute, "Y", "X")
        assert len(bench.analytics.asked) == (minute == 4)


async def test_nothing_is_asked_for_a_rule_that_is_gone(bench: Bench) -> None:
    bench.add("one")
    bench.add("two")
    bench.analyses.drop("one")
    await bench.close(1, "Y", "X")
    assert len(bench.analytics.asked) == 1
    bench.analyses.drop("two")
    await bench.close(2, "Y", "X")
    assert len(bench.analytics.asked) == 1
    assert not bench.outputs.hub.wants("bars")
    await asyncio.sleep(0)
