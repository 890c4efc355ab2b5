"""Listeners: each gets every batch, whatever another one does with it."""

from collections.abc import Sequence
from typing import Any

import pytest

from quantd.flow.hub import Hub
from quantd.testing import fakes


class Faulty:
    """Fails while it is told to."""

    def __init__(self) -> None:
        self.faulty = True
        self.heard: list[Any] = []

    def hear(self, items: Sequence[Any]) -> None:
        if self.faulty:
            raise LookupError("no such client")
        self.heard += items


def test_a_listener_that_raises_leaves_the_others_alone_and_is_counted(caplog: pytest.LogCaptureFixture) -> None:
    hub, faulty = Hub(), Faulty()
    before: list[int] = []
    after: list[int] = []
    hub.listen("bars", before.extend)
    hub.listen("bars", faulty.hear)
    hub.listen("bars", after.extend)
    hub.publish("bars", [1])
    hub.publish("bars", [2])
    assert before == after == [1, 2]
    assert (hub.faults["bars"], hub.faults["ticks"]) == (2, 0)
    assert caplog.text.count("a listener of bars failed") == 1, "once, until it has worked again"
    assert "no such client" in caplog.text
    assert "Traceback" in caplog.text


def test_one_that_works_again_fails_no_longer() -> None:
    hub, faulty = Hub(), Faulty()
    hub.listen("bars", faulty.hear)
    hub.publish("bars", [1])
    assert hub.failing() == {"bars": "LookupError('no such client')"}
    faulty.faulty = False
    hub.publish("bars", [2])
    assert (hub.failing(), faulty.heard) == ({}, [2])


def test_one_that_listens_no_more_fails_no_longer() -> None:
    hub, faulty = Hub(), Faulty()
    unlisten = hub.listen("bars", faulty.hear)
    hub.publish("bars", [1])
    unlisten()
    assert (hub.failing(), hub.wants("bars")) == ({}, False)


def test_it_knows_which_pairs_its_listeners_want() -> None:
    hub, heard = Hub(), list[Any]()
    points = [*fakes.points(2, pair="Y-X"), *fakes.points(1, pair="A-B")]
    assert hub.pairs_wanted("nowcasts") == frozenset()
    unlisten = hub.listen("nowcasts", heard.extend, pairs=["Y-X"])
    hub.listen("nowcasts", lambda _: None, pairs=["Z-X"])
    assert hub.pairs_wanted("nowcasts") == {"Y-X", "Z-X"}
    assert hub.pairs_wanted("nowcasts") is hub.pairs_wanted("nowcasts")
    hub.publish("nowcasts", points)
    assert heard == points[:2]
    all_of_them = hub.listen("nowcasts", lambda _: None)
    assert hub.pairs_wanted("nowcasts") is None
    all_of_them()
    unlisten()
    assert hub.pairs_wanted("nowcasts") == {"Z-X"}
