"""Who wants what streamed."""

from quantd.clock import EventClock
from quantd.services.claims import KEPT_S, MOST_GUESTS, Claims

KEPT_MS = round(KEPT_S * 1000)


def test_what_is_held_goes_on_until_some_minutes_after_the_last_let_go() -> None:
    clock = EventClock(0)
    claims = Claims("config", ["A"], clock)
    claims.hold("one", "B")
    claims.hold("two", "B")
    claims.release("one")
    clock.advance_to(10 * KEPT_MS)
    assert claims.expire() == []
    claims.release("two", ["A", "B"])
    assert (claims.is_held("A"), claims.is_held("B")) == (True, False)
    clock.advance_to(11 * KEPT_MS - 1)
    assert claims.expire() == []
    clock.advance_to(11 * KEPT_MS)
    assert claims.expire() == ["B"]
    assert claims.expire() == []


def test_who_takes_hold_again_keeps_it() -> None:
    clock = EventClock(0)
    claims = Claims("config", [], clock)
    claims.hold("one", "B")
    claims.release("one")
    claims.hold("two", "B")
    clock.advance_to(2 * KEPT_MS)
    assert (claims.expire(), claims.is_held("B")) == ([], True)


def test_each_question_counts_anew() -> None:
    clock = EventClock(0)
    claims = Claims("config", ["A"], clock)
    for symbol in ("A", "B", "C"):
        claims.ask(symbol)
    clock.advance_to(KEPT_MS // 2)
    claims.ask("B")
    clock.advance_to(KEPT_MS)
    assert claims.expire() == ["C"]


def test_of_too_many_guests_those_go_that_were_asked_for_longest_ago() -> None:
    claims = Claims("config", ["held"], EventClock(0))
    for number in range(MOST_GUESTS):
        claims.ask(str(number))
    assert claims.expire() == []
    claims.ask("0")
    claims.ask("one more")
    claims.ask("and one")
    assert claims.expire() == ["1", "2"]
