"""What is due comes once, the earliest first."""

from quantd.flow.alerts.timers import Timers


def test_what_is_due_comes_in_order_and_once() -> None:
    timers = Timers()
    for rule, due in (("a", 5), ("b", 3), ("c", 9), ("b", 4), ("a", None)):
        timers.set(rule, due)
    assert list(timers.take(2)) == []
    assert list(timers.take(8)) == [(4, "b")]
    timers.set("b", 9)
    assert list(timers.take(9)) == [(9, "b"), (9, "c")]
    assert list(timers.take(99)) == []


def test_what_is_set_meanwhile_comes_too() -> None:
    timers, found = Timers(), list[int]()
    timers.set("a", 1)
    for due, rule in timers.take(3):
        found.append(due)
        timers.set(rule, due + 1)
    assert found == [1, 2, 3]
