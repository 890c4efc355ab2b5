"""Time counts only while the data of a place are whole."""

import msgspec

from quantd.flow.alerts.presence import Presence
from quantd.model import Gap

PLACE = "Y-X", "1m", True


def test_time_counts_from_one_value_to_the_next() -> None:
    presence = Presence()
    assert [presence.covered(PLACE, at) for at in (10, 25, 20, 30)] == [0, 15, 0, 5]


def test_time_without_a_stream_does_not_count() -> None:
    presence = Presence()
    presence.covered(PLACE, 10)
    presence.lose(["X", "Z"])
    assert not presence.is_covered(PLACE)
    assert presence.covered(PLACE, 20) == 0
    presence.note_trades("X")
    assert presence.is_covered(PLACE)
    assert [presence.covered(PLACE, at) for at in (30, 40)] == [0, 10]


def test_time_with_an_open_gap_does_not_count() -> None:
    presence, gap = Presence(), Gap("Y", 5, 9, 90, 95, 100, None, "reconnect")
    presence.covered(PLACE, 10)
    presence.note_gaps([gap])
    assert presence.covered(PLACE, 20) == 0
    presence.note_gaps([msgspec.structs.replace(gap, closed=200)])
    assert presence.covered(PLACE, 30) == 10
