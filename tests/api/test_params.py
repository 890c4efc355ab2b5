"""Times and numbers of queries."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quantd.api.server.errors import Invalid
from quantd.api.server.params import moment
from quantd.times import iso

MS = st.integers(0, 253_402_300_799_999)
OFFSETS = st.integers(-23 * 60, 23 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))


@given(MS)
def test_what_we_write_we_read(ts: int) -> None:
    assert len(iso(ts)) == 24
    assert moment("from", iso(ts)) == ts
    assert moment("from", str(ts)) == ts


@given(st.integers(10**11, 10**14), OFFSETS)
def test_any_zone_with_its_plus_escaped_or_not(ts: int, zone: timezone) -> None:
    text = (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=ts)).astimezone(zone).isoformat()
    assert moment("from", text) == ts
    assert moment("from", text.replace("+", " ")) == ts


@given(st.text())
def test_any_text_is_a_time_or_invalid(text: str) -> None:
    try:
        assert isinstance(moment("to", text), int | None)
    except Invalid:
        return


@pytest.mark.parametrize(("text", "ts"), [("2026-01-01", 1_767_225_600_000), ("2026-01-01T00:00:00.0005", 1_767_225_600_000), ("0", 0)])
def test_lenient_times(text: str, ts: int) -> None:
    assert moment("from", text) == ts
