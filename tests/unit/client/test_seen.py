"""What was yielded is remembered, in bounds."""

from typing import TypeVar

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from quantd.client.seen import OVERLAP_MS, SeenAlerts, SeenIds, SeenRevisions

from .model import bar, trade, ts
from .test_stream import alert

AnySeen = TypeVar("AnySeen", SeenIds, SeenRevisions)
numbers = st.lists(st.integers(0, 40), max_size=60)


@given(numbers)
def test_an_id_is_new_once(ids: list[int]) -> None:
    seen, known = SeenIds(), set[int]()
    for each in ids:
        assert seen.add(trade(each)) == (each not in known)
        known.add(each)
        seen = reloaded(seen)
    firsts = {each for each in known if each - 1 not in known}
    assert len(seen.dump()) - 1 == len(firsts), "ids that follow each other are one range"


def reloaded(seen: AnySeen) -> AnySeen:
    """What another one takes over, by way of JSON."""
    other = type(seen)()
    other.load(msgspec.json.decode(msgspec.json.encode(seen.dump())))
    return other


@given(numbers)
def test_the_ranges_of_ids_are_bounded_and_nothing_comes_twice(ids: list[int]) -> None:
    seen, known = SeenIds(most=3), set[int]()
    for each in ids:
        assert not (seen.add(trade(each)) and each in known)
        known.add(each)
        assert len(seen.dump()) <= 4


@given(st.lists(st.tuples(st.integers(0, 15), st.integers(0, 3)), max_size=40))
def test_a_revision_is_new_if_it_is_later(rows: list[tuple[int, int]]) -> None:
    seen, known = SeenRevisions(), dict[int, int]()
    for second, revision in rows:
        assert seen.add(bar(second, revision)) == (revision > known.get(second, -1))
        known[second] = max(revision, known.get(second, -1))
        seen = reloaded(seen)
    assert seen.since() == (ts(min(known)) if known else None)
    assert seen.last == (ts(max(known)) if known else None)


def test_the_newest_times_are_remembered() -> None:
    seen = SeenRevisions(most=5)
    for second in range(100):
        assert seen.add(bar(second))
        assert len(seen._revisions) < 10
    assert seen.since() == ts(95)
    assert not seen.add(bar(95))
    assert len(reloaded(seen)._revisions) == 5


def test_trades_are_read_again_from_before_the_last_one_on() -> None:
    seen = SeenIds()
    assert seen.since() is None
    seen.add(trade(100))
    assert seen.since() == ts(100 - OVERLAP_MS // 1000)
    assert seen.reaches(trade(101))
    assert not seen.reaches(trade(102))


def test_a_firing_and_its_end_are_two() -> None:
    seen = SeenAlerts(most=2)
    assert seen.add(alert("a"))
    assert not seen.add(alert("a"))
    assert seen.add(msgspec.structs.replace(alert("a"), state="resolved"))
