"""Two clocks behind one face."""

from quantd.clock import Clock, EventClock, SystemClock


def test_the_machine_s_clock_goes_on() -> None:
    clock: Clock = SystemClock()
    before = clock.now(), clock.monotonic()
    after = clock.now(), clock.monotonic()
    assert after[1] >= before[1]
    assert before[0] > 1_700_000_000_000, "milliseconds since 1970"


def test_event_time_moves_when_told_and_never_back() -> None:
    clock = EventClock(5_000)
    clock.advance_to(7_500)
    clock.advance_to(6_000)
    assert (clock.now(), clock.monotonic()) == (7_500, 7.5)
