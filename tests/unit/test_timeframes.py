"""Buckets tile the day, whatever their length."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quantd.timeframes import DAY, HOUR, MINUTE, SECOND, Timeframe, duration, timeframe

frames = st.one_of(
    st.integers(1, 59).map(lambda count: timeframe(f"{count}s")),
    st.integers(1, 59).map(lambda count: timeframe(f"{count}m")),
    st.integers(1, 23).map(lambda count: timeframe(f"{count}h")),
    st.just(timeframe("1d")),
)


@given(frames, st.integers(0, 4 * 10**12))
def test_a_time_lies_in_its_bucket_and_buckets_follow_one_another(frame: Timeframe, ts: int) -> None:
    start = frame.floor(ts)
    assert start <= ts < frame.end(start)
    assert frame.floor(frame.end(start)) == frame.end(start)
    assert frame.index(frame.end(start)) == frame.index(start) + 1


@given(frames, frames, st.integers(0, 4 * 10**12))
def test_a_bucket_held_by_another_lies_in_it_whole(outer: Timeframe, inner: Timeframe, ts: int) -> None:
    start = inner.floor(ts)
    if outer.holds(inner):
        assert outer.floor(start) == outer.floor(inner.end(start) - 1)


def test_fourteen_hours_make_two_buckets_a_day() -> None:
    frame = timeframe("14h")
    assert [frame.floor(hour * HOUR) // HOUR for hour in (0, 13, 14, 23)] == [0, 0, 14, 14]
    assert (frame.end(0), frame.end(14 * HOUR)) == (14 * HOUR, DAY)


@pytest.mark.parametrize("name", ["", "1", "s", "0s", "60s", "60m", "24h", "2d", "1w", "1.5m", "-1m", "1S", " 1m", "007s"])
def test_what_is_no_timeframe_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="is not a timeframe"):
        timeframe(name)


@pytest.mark.parametrize(
    ("text", "length"), [("500ms", 500), ("90s", 90 * SECOND), ("15m", 15 * MINUTE), ("48h", 2 * DAY), ("7d", 7 * DAY)]
)
def test_durations(text: str, length: int) -> None:
    assert duration(text) == length


@pytest.mark.parametrize("text", ["", "5", "h", "1.5h", "-1s", "1w"])
def test_what_is_no_duration_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"is not a duration|lacks a unit"):
        duration(text)
