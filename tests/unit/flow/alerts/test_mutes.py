"""Mute windows by the clocks of a zone, and what mutes what."""

import pytest
from msgspec.structs import replace

from quantd.config.matchers import as_matchers
from quantd.config.routing import Inhibition, MuteWindow, Routing, as_days, as_hours
from quantd.flow.alerts.kept_rows import KeptRows
from quantd.flow.alerts.mutes import Mutes, is_in
from quantd.flow.alerts.silence import Silence
from quantd.testing import fakes
from quantd.timeframes import MINUTE
from quantd.times import parse_time
from tests.unit.flow.alerts.tables import MemoryTable


def mutes_of(routing: Routing) -> Mutes:
    return Mutes(routing, KeptRows(MemoryTable(), Silence))


@pytest.mark.parametrize(
    ("days", "hours", "zone", "when", "muted"),
    [
        ("mon-fri", "22:00-06:00", "UTC", "2026-01-05T22:00Z", True),
        ("mon-fri", "22:00-06:00", "UTC", "2026-01-05T21:59:59.999Z", False),
        ("mon-fri", "22:00-06:00", "UTC", "2026-01-06T05:59Z", True),
        ("mon-fri", "22:00-06:00", "UTC", "2026-01-06T06:00Z", False),
        ("mon-fri", "22:00-06:00", "UTC", "2026-01-10T03:00Z", True),  # Saturday: the night of Friday
        ("mon-fri", "22:00-06:00", "UTC", "2026-01-05T03:00Z", False),  # Monday: the night of Sunday
        ("sat,sun", "00:00-24:00", "UTC", "2026-01-04T23:59:59Z", True),
        ("sat,sun", "00:00-24:00", "UTC", "2026-01-05T00:00Z", False),
        ("mon-sun", "08:00-09:00", "Europe/Berlin", "2026-01-05T07:30Z", True),
        ("mon-sun", "08:00-09:00", "Europe/Berlin", "2026-07-06T07:30Z", False),
        ("mon-sun", "08:00-09:00", "Europe/Berlin", "2026-07-06T06:30Z", True),
        ("mon-sun", "02:00-03:00", "Europe/Berlin", "2026-10-25T00:30Z", True),  # the hour that comes twice
        ("mon-sun", "02:00-03:00", "Europe/Berlin", "2026-10-25T01:30Z", True),
        ("mon-sun", "02:00-03:00", "Europe/Berlin", "2026-03-29T01:00Z", False),  # the hour that does not come
    ],
)
def test_windows(days: str, hours: str, zone: str, when: str, muted: bool) -> None:
    window = MuteWindow(name="w", days=as_days(days), hours=as_hours(hours), zone=zone)
    assert is_in(window, parse_time(when)) is muted


def test_a_window_without_days_and_hours_is_always() -> None:
    assert is_in(MuteWindow(name="w", match=as_matchers("rule=any")), parse_time("2026-01-05T22:00Z"))


def test_a_window_mutes_what_matches() -> None:
    mutes = mutes_of(Routing(mute=(MuteWindow(name="w", match=as_matchers("severity!=page")),)))
    assert mutes.why(fakes.alert(), 0) == "mute window w"
    assert mutes.why(replace(fakes.alert(), severity="page"), 0) is None


def test_what_an_inhibition_has_in_common() -> None:
    inhibition = Inhibition(when=as_matchers("rule=storm"), mute=as_matchers("severity=info"), equal=("team",))
    mutes = mutes_of(Routing(inhibit=(inhibition,)))
    storm = replace(fakes.alert(), rule="storm", alert_id="storm", labels={"team": "a"})
    info = replace(fakes.alert(), severity="info", labels={"team": "a"})
    mutes.fires(storm)
    assert mutes.why(info, 0) == "storm fires"
    assert mutes.why(replace(info, labels={"team": "b"}), 0) is None
    assert mutes.why(replace(info, severity="page"), 0) is None
    assert not mutes.changed
    mutes.ended(storm)
    assert mutes.changed
    assert mutes.why(info, 0) is None


def test_a_silence_that_ends_is_deleted_and_says_so() -> None:
    mutes = mutes_of(Routing())
    mutes.silences.put("s", Silence("s", as_matchers("severity=warning"), 0, MINUTE))
    mutes.look(MINUTE - 1)
    assert (mutes.why(fakes.alert(), MINUTE - 1), mutes.changed) == ("silence s", False)
    assert mutes.why(fakes.alert(), MINUTE) is None
    mutes.look(MINUTE)
    assert (len(mutes.silences), mutes.changed) == (0, True)
