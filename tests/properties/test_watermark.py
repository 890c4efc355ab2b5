"""Event time, whatever comes in whatever order: it only grows, every second is passed once, and how events are batched is not seen."""

from collections.abc import Sequence
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from quantd.flow.watermark import Watermark
from quantd.timeframes import MINUTE, SECOND

DAWN = 1_700_006_400_000
events = st.lists(st.integers(-2_000, 5_000) | st.integers(0, 10 * MINUTE), min_size=1, max_size=60).map(
    lambda steps: [DAWN + sum(steps[: at + 1]) for at in range(len(steps))]
)
"""Times, mostly rising."""
lateness = st.integers(0, 2_500)


def passed(mark: Watermark, times: Sequence[int]) -> list[int]:
    """The moments that are closed at, each event being looked at by itself."""
    moments = []
    for ts in times:
        mark.see(ts)
        if ts >= mark.due:
            moments += list(mark.moments())
    return moments


@given(events, lateness)
def test_moments_rise_in_hops_of_a_minute_and_never_beyond_the_newest_event_less_the_lateness(times: list[int], late: int) -> None:
    mark = Watermark(late)
    newest, before = 0, times[0] - late
    for ts in times:
        newest = max(newest, ts)
        for moment in passed(mark, [ts]):
            assert before < moment <= min(newest - late, before + MINUTE)
            before = moment
        assert mark.closed == before
        assert (mark.top, mark.began) == (newest, times[0])


@given(events, lateness)
def test_every_second_is_passed_once_and_as_soon_as_it_may(times: list[int], late: int) -> None:
    mark = Watermark(late)
    moments = passed(mark, times)
    begins = times[0] - late
    seconds = [second for a, b in pairwise([begins, *moments]) for second in range(a // SECOND + 1, b // SECOND + 1)]
    assert seconds == list(range(begins // SECOND + 1, (max(times) - late) // SECOND + 1))


@given(events, lateness, st.data())
def test_how_events_are_batched_makes_no_difference(times: list[int], late: int, data: st.DataObject) -> None:
    """Within a batch, only the newest time of those that close nothing is told to the watermark."""
    one, other = Watermark(late), Watermark(late)
    moments, batched = passed(one, times), []
    at = 0
    while at < len(times):
        size = data.draw(st.integers(1, 9))
        newest = other.top
        for ts in times[at : at + size]:
            if ts >= other.due:
                other.see(newest)
                batched += passed(other, [ts])
            newest = max(newest, ts)
        other.see(newest)
        at += size
    assert batched == moments
    assert (one.top, one.closed, one.due) == (other.top, other.closed, other.due)


def test_the_first_event_closes_nothing_before_it() -> None:
    mark = Watermark(500)
    assert passed(mark, [DAWN + 1_200]) == []
    assert (mark.began, mark.closed, mark.due) == (DAWN + 1_200, DAWN + 700, DAWN + 1_500)
    assert passed(mark, [DAWN + 1_499, DAWN + 1_500, DAWN + 1_600]) == [DAWN + 1_000]
