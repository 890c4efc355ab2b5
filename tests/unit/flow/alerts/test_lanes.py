"""Of what waits for a sink only some is in memory; nothing is lost or doubled between memory and disk."""

import pytest

from quantd.flow.alerts import lanes
from quantd.flow.alerts.lanes import Lanes
from quantd.state import Delivery, Message
from quantd.testing import fakes


def delivery(number: int, group: str = "", due: int = 0, batch: int | None = None) -> Delivery:
    return Delivery(number, Message(f"{number}", "hook", "a", (fakes.alert(number),), group), 0, due=due, batch=batch)


def test_what_is_read_from_disk_before_it_is_added_is_there_once() -> None:
    table = Lanes()
    table.on_disk("lane a", 1, 5)
    (lane,) = table
    lane.more = False
    table.read(lane, [delivery(5), delivery(6)])
    assert table.add(delivery(6)) is None
    assert table.add(delivery(7)) is lane
    assert ([each.number for each in lane.queue], table.waiting, table.held) == ([5, 6, 7], 3, 3)
    table.drop_first(lane, 3)
    assert (table.waiting, table.held, lane.is_over) == (0, 0, True)


def test_what_is_added_while_the_lane_is_read_stays_on_disk() -> None:
    table = Lanes()
    table.on_disk("lane a", 1, 5)
    (lane,) = table
    lane.more, lane.reading = False, True
    table.add(delivery(6))
    lane.reading = False
    table.read(lane, [delivery(5)])
    assert ([each.number for each in lane.queue], lane.more) == ([5], True)


def test_a_full_memory_leaves_the_rest_on_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lanes, "HELD", 2)
    table = Lanes()
    for number in (1, 2, 3):
        lane = table.add(delivery(number))
    assert lane is not None
    assert ([each.number for each in lane.queue], lane.more, lane.last, table.waiting) == ([1, 2], True, 2, 3)


def test_of_a_group_what_is_due_goes_together_and_the_same_again() -> None:
    table = Lanes()
    for each in (delivery(1, "g"), delivery(2, "g", due=5), delivery(3, "g", due=6)):
        lane = table.add(each)
    assert lane is not None
    assert [each.number for each in table.next(lane, 5)] == [1, 2]
    table.replace_first(lane, [delivery(1, "g", batch=1), delivery(2, "g", batch=1)])
    assert [each.number for each in table.next(lane, 9)] == [1, 2]
    table.drop_first(lane, 2)
    assert [each.number for each in table.next(lane, 9)] == [3]
