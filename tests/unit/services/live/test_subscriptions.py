"""Who holds which symbols."""

from quantd.clock import EventClock
from quantd.services.live.subscriptions import KEPT_S, MOST_GUESTS, Subscriptions

KEPT_MS = round(KEPT_S * 1000)


def test_what_is_held_goes_on_until_some_minutes_after_the_last_let_go() -> None:
    clock = EventClock(0)
    subscriptions = Subscriptions("config", ["A"], clock)
    subscriptions.hold("one", "B")
    subscriptions.hold("two", "B")
    subscriptions.release("one")
    clock.advance_to(10 * KEPT_MS)
    assert subscriptions.expire() == []
    subscriptions.release("two", ["A", "B"])
    assert (subscriptions.is_held("A"), subscriptions.is_held("B")) == (True, False)
    clock.advance_to(11 * KEPT_MS - 1)
    assert subscriptions.expire() == []
    clock.advance_to(11 * KEPT_MS)
    assert subscriptions.expire() == ["B"]
    assert subscriptions.expire() == []


def test_who_takes_hold_again_keeps_it() -> None:
    clock = EventClock(0)
    subscriptions = Subscriptions("config", [], clock)
    subscriptions.hold("one", "B")
    subscriptions.release("one")
    subscriptions.hold("two", "B")
    clock.advance_to(2 * KEPT_MS)
    assert (subscriptions.expire(), subscriptions.is_held("B")) == ([], True)


def test_each_question_counts_anew() -> None:
    clock = EventClock(0)
    subscriptions = Subscriptions("config", ["A"], clock)
    for symbol in ("A", "B", "C"):
        subscriptions.ask(symbol)
    clock.advance_to(KEPT_MS // 2)
    subscriptions.ask("B")
    clock.advance_to(KEPT_MS)
    assert subscriptions.expire() == ["C"]


def test_of_too_many_guests_those_go_that_were_asked_for_longest_ago() -> None:
    subscriptions = Subscriptions("config", ["held"], EventClock(0))
    for number in range(MOST_GUESTS):
        subscriptions.ask(str(number))
    assert subscriptions.expire() == []
    subscriptions.ask("0")
    subscriptions.ask("one more")
    subscriptions.ask("and one")
    assert subscriptions.expire() == ["1", "2"]
