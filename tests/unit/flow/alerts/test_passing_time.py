"""Time alone changes rules, too: reminders, data that do not come, and prices that stay where they are."""

from typing import Any

import msgspec

from quantd.clock import EventClock
from quantd.conditions.parse import parse_condition
from quantd.config.rules import Moments, Rule
from quantd.flow.alerts.engine import AlertEngine
from quantd.flow.alerts.rule import AlertRule
from quantd.flow.alerts.told import Told
from quantd.testing import fakes
from quantd.testing.fakes import START
from quantd.timeframes import MINUTE, SECOND


def engine(when: str, *, on: str = "Y", on_: Moments = "close", clock: EventClock | None = None, **keys: Any) -> AlertEngine:
    made = AlertEngine(clock)
    made.put(AlertRule("rule", Rule(name="rule", when=parse_condition(when), on=on_, **keys), on, ""))
    return made


def told(changes: list[Told]) -> list[tuple[str, int]]:
    """The state of each alert, and the seconds after the start."""
    return [(alert.state, (alert.ts - START) // SECOND) for alert, _ in changes]


def trade(second: float, price: float) -> Any:
    return fakes.tick("Y", round(second * 10) + 1, round(second * SECOND), price)


def test_reminders_come_as_time_passes() -> None:
    made = engine("price > 2", on_="tick", repeat=(MINUTE, 5 * MINUTE))
    assert told(made.judge_prices("Y", [trade(0, 3.0)])) == [("firing", 0)]
    assert [told(made.advance(START + second * SECOND)) for second in (59, 61, 359, 361)] == [[], [("firing", 60)], [], [("firing", 360)]]


def test_a_bar_lets_the_time_before_it_pass_in_a_replay() -> None:
    made = engine("zscore > 2", on="Y-X", every="1m", repeat=(90 * SECOND,))
    points = [msgspec.structs.replace(point, zscore=3.0) for point in fakes.points(8, pair="Y-X")[5:]]
    found = [told(made.judge([point])) for point in points]
    assert found == [[("firing", 360)], [], [("firing", 450)]]


def test_data_that_do_not_come_have_their_effect() -> None:
    made = engine("zscore > 2", on="Y-X", every="1m", no_data="fire", no_data_for=5 * MINUTE)
    (point,) = fakes.points(6, pair="Y-X")[5:]
    last = point.ts + MINUTE
    assert made.judge([msgspec.structs.replace(point, zscore=1.0)]) == []
    found = [made.advance(last + second * SECOND) for second in (30, 61, 63, 299, 301)]
    assert [told(each) for each in found] == [[], [], [], [], [("firing", (last - START) // SECOND + 300)]]
    assert found[-1][0][0].reason == "no data for 5m"
    back = msgspec.structs.replace(point, zscore=1.0, ts=point.ts + 7 * MINUTE)
    ((alert, _),) = made.judge([back])
    assert (alert.state, alert.reason) == ("resolved", "data are back")


def test_a_price_that_stays_counts_as_long_as_the_stream_is_there() -> None:
    clock = EventClock(START)
    made = engine("price > 2", on_="tick", clock=clock, for_=10 * SECOND)

    def passes(second: int) -> list[tuple[str, int]]:
        clock.advance_to(START + second * SECOND)
        return told(made.advance())

    assert made.judge_prices("Y", [trade(0, 3.0)]) == []
    assert [passes(second) for second in (4, 8, 10)] == [[], [], []]
    assert passes(11) == [("firing", 10)]


def test_a_price_does_not_count_while_the_stream_is_lost() -> None:
    clock = EventClock(START)
    made = engine("price > 2", on_="tick", clock=clock, for_=10 * SECOND)
    made.judge_prices("Y", [trade(0, 3.0)])
    made.lose(["Y"])
    assert made.advance(START + 60 * SECOND) == []
    assert made.judge_prices("Y", [trade(60, 3.0)]) == []
    assert told(made.judge_prices("Y", [trade(69, 3.0), trade(71, 3.0)])) == [("firing", 71)]


def test_a_trade_lets_time_pass_in_a_replay_though_the_price_changes_nothing() -> None:
    made = engine("price > 2", on_="tick", repeat=(MINUTE,))
    found = [told(made.judge_prices("Y", [trade(second, 3.0)])) for second in (0, 59, 61)]
    assert found == [[("firing", 0)], [], [("firing", 60)]]


def test_now_casts_on_data_that_are_not_good_enough_do_not_count_while_time_passes() -> None:
    clock = EventClock(START)
    made = engine("zscore > 2", on="Y-X", on_="tick", every="1m", for_=5 * SECOND, clock=clock)
    (point,) = fakes.points(6, pair="Y-X")[5:]

    def cast(second: int, **keys: Any) -> list[tuple[str, int]]:
        clock.advance_to(START + second * SECOND)
        return told(made.judge_now([msgspec.structs.replace(point, ts=clock.now(), zscore=3.0, **keys)]) + made.advance())

    def wait(second: int) -> list[tuple[str, int]]:
        clock.advance_to(START + second * SECOND)
        return told(made.advance())

    assert cast(0) + cast(1) + cast(2, quality="gap", coverage=0.2) + wait(60) == []
    assert cast(61) + wait(63) == []
    assert wait(66) == [("firing", 65)]
