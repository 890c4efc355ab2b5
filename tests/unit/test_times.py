"""Times as text."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quantd.times import format_time, iso, parse_time

MS = st.integers(0, 253_402_300_799_999)
OFFSETS = st.integers(-23 * 60, 23 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))


@given(MS)
def test_what_is_printed_is_parsed_to_the_same_time(ts: int) -> None:
    assert len(iso(ts)) == 24
    assert parse_time(iso(ts)) == parse_time(str(ts)) == ts


@given(MS)
def test_the_text_is_that_of_the_standard_library(ts: int) -> None:
    moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=ts)
    assert iso(ts) == moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
    assert format_time(ts, "%Y%m%dT%H%M%S") == f"{moment:%Y%m%dT%H%M%S}"


@given(st.integers(10**11, 10**14), OFFSETS)
def test_a_text_of_any_zone_is_parsed(ts: int, zone: timezone) -> None:
    assert parse_time((datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=ts)).astimezone(zone).isoformat()) == ts


@pytest.mark.parametrize("text", ["", "then", "2026-13-01", "12345678901234567", "0001-01-01T00:00+23:59:60"])
def test_a_text_that_is_no_time_says_how_to_write_one(text: str) -> None:
    with pytest.raises(ValueError, match="is no time: write it like 2026-01-31T08:00 or in ms, UTC"):
        parse_time(text)
