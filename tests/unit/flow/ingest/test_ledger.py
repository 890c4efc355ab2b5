"""The ledger of trade ids: each once, the missing ones named."""

from functools import partial

from hypothesis import given
from hypothesis import strategies as st

from quantd.flow.ingest.gaps import Gaps
from quantd.flow.ingest.intake import Intake
from quantd.flow.ingest.ledger import LOST, MOST_UNTOLD, STOPPED, Hole, Known, Ledger, Numbering
from quantd.model import Tick
from quantd.testing import fakes

tick = partial(fakes.tick, "S", start=0)


def test_a_jump_is_a_gap_until_it_is_filled() -> None:
    ledger = Ledger()
    assert [ledger.admit(tick(identity, ts)) for identity, ts in ((10, 100), (11, 110), (15, 150))] == [True] * 3
    assert [(hole.first, hole.last) for hole in ledger.holes] == [(12, 14)]
    assert ledger.spans() == ((110, 150),)
    assert ledger.admit(tick(13, 130))
    assert [(hole.first, hole.last) for hole in ledger.holes] == [(12, 12), (14, 14)]
    assert ledger.spans() == ((110, 130), (130, 150))
    assert ledger.admit(tick(12, 120))
    assert ledger.admit(tick(14, 140))
    assert (ledger.holes, ledger.missing, ledger.duplicates) == ([], 0, 0)


@given(st.lists(st.integers(1, 40), min_size=1))
def test_each_id_is_let_through_once_and_the_rest_between_is_missing(ids: list[int]) -> None:
    ledger = Ledger()
    admitted = [identity for identity in ids if ledger.admit(tick(identity, identity))]
    assert sorted(admitted) == sorted(set(ids))
    assert ledger.duplicates == len(ids) - len(set(ids))
    missing = {identity for hole in ledger.holes for identity in range(hole.first, hole.last + 1)}
    assert missing == set(range(min(ids), max(ids) + 1)) - set(ids)
    assert ledger.missing == len(missing)


@given(st.lists(st.lists(st.integers(0, 3), max_size=6)), st.sets(st.integers(0, 9)))
def test_a_batch_is_let_in_as_its_trades_one_by_one(steps: list[list[int]], doubted: set[int]) -> None:
    """Ids mostly follow each other; the connection is lost before some batches."""
    whole, single, identity = Intake("S"), Intake("S"), 10
    for number, batch in enumerate(steps):
        ticks = []
        for step in batch:
            identity += step - 1 if step != 1 else 1
            ticks.append(tick(identity, identity))
        for intake in (whole, single) if number in doubted else ():
            intake.ledger.doubt("disconnected")
        assert whole.accept(ticks) == [good for each in ticks for good in single.accept([each])]
        assert whole.ledger.holes == single.ledger.holes
        assert whole.ledger.spans() == single.ledger.spans()
        assert (whole.accepted, whole.ledger.duplicates) == (single.accepted, single.ledger.duplicates)


def test_made_ids_follow_the_time_of_trade_then_arrival() -> None:
    numbering = Numbering()
    assert [numbering.number(ts) for ts in (5, 5, 7, 6, 5)] == [5_000, 5_001, 7_000, 6_000, 5_002]


def test_what_is_no_trade_is_refused_and_counted() -> None:
    intake = Intake("S")
    bad = [
        tick(1, price=float("nan")),
        tick(2, price=0.0),
        tick(3, price=-1.0),
        tick(4, price=float("inf")),
        tick(5, qty=-1.0),
        tick(6, qty=float("nan")),
    ]
    assert [each.id for each in intake.accept([*bad, tick(7), tick(7), tick(0, 9), tick(0, 9)])] == [7, 9_000, 9_001]
    assert (intake.refused, intake.ledger.duplicates, intake.accepted) == (6, 1, 3)


def test_a_refused_trade_without_an_id_leaves_its_time_in_doubt() -> None:
    """With one, its id is missing: no more need be said."""
    intake = Intake("S")
    intake.accept([tick(0, 100), tick(0, 5_000, price=0.0), tick(0, 5_900, qty=-1.0), tick(0, 6_500, price=1e12), tick(0, 9_000)])
    assert (intake.refused, intake.accepted) == (3, 2)
    assert intake.ledger.spans() == ((5_000, 6_500),), "one span, which touches no second but theirs"
    intake = Intake("S")
    intake.accept([tick(1, 100), tick(2, 5_000, price=0.0), tick(3, 9_000)])
    assert intake.ledger.spans() == ((100, 9_000),)


def test_of_too_many_doubts_the_oldest_are_joined() -> None:
    """None is forgotten: a bar that was in doubt would look whole."""
    ledger = Ledger()
    for number in range(3 * MOST_UNTOLD):
        ledger.note_refused(number * 10_000)
    spans = ledger.spans()
    assert len(spans) == MOST_UNTOLD
    assert spans[0] == (0, (2 * MOST_UNTOLD) * 10_000)
    assert spans[-1] == ((3 * MOST_UNTOLD - 1) * 10_000,) * 2


def test_trades_from_long_before_the_first_are_counted() -> None:
    intake = Intake("S")
    good = intake.accept([tick(50, 500_000), tick(1, 100), tick(49, 499_999), tick(51, 500_001, price=0.0)])
    assert [each.id for each in good] == [50, 49]
    assert (intake.refused, intake.early) == (2, 1)


def test_news_of_holes_are_told_once() -> None:
    intake = Intake("S")
    assert intake.news_of_holes() is None
    intake.accept([tick(1, 10), tick(3, 30)])
    assert intake.news_of_holes() == ((10, 30),)
    assert intake.news_of_holes() is None
    intake.accept([tick(2, 20)])
    assert intake.news_of_holes() == ()


def test_what_was_recorded_before_and_since_is_missing_until_it_comes() -> None:
    ledger = Ledger()
    ledger.restore(Known(100, 1_000, (Hole(40, 41, 400, 420, 420, "disconnected"),)))
    assert ledger.admit(tick(105, 1_050))
    assert [(hole.first, hole.last, hole.cause) for hole in ledger.holes] == [(40, 41, "disconnected"), (101, 104, STOPPED)]
    assert [ledger.admit(tick(identity)) for identity in (40, 99, 102)] == [True, False, True]
    assert ledger.missing == 4


def test_of_what_comes_again_nothing_is_missing() -> None:
    """Warm windows bring trades of before the end of the record: they are taken, once."""
    ledger = Ledger()
    assert all(ledger.admit(tick(identity)) for identity in range(90, 111))
    ledger.restore(Known(100, 1_000, (Hole(95, 96, 1, 2, 2, "disconnected"), Hole(50, 51, 1, 2, 2, "disconnected"))))
    assert [(hole.first, hole.last) for hole in ledger.holes] == [(50, 51)]


def test_what_is_given_up_is_lost_until_it_comes_after_all() -> None:
    ledger = Ledger()
    ledger.admit(tick(1))
    ledger.admit(tick(10))
    ledger.set_source(4, 6, "none")
    assert [(hole.first, hole.last, hole.lost) for hole in ledger.holes] == [(2, 3, False), (4, 6, True), (7, 9, False)]
    assert (ledger.missing, ledger.lost) == (8, 3)
    assert ledger.admit(tick(5))
    assert ledger.lost == 2


def test_a_gap_is_told_once_when_it_lasts_and_once_when_it_ends() -> None:
    gaps, ledger = Gaps("S"), Ledger()
    ledger.admit(tick(1))
    ledger.admit(Tick("S", 6, 10, 5_000, 1.0, 1.0, False))
    assert gaps.changes(ledger.holes, 5_000) == [], "it may merely be late"
    (opened,) = gaps.changes(ledger.holes, 6_500)
    assert (opened.first_id, opened.last_id, opened.closed) == (2, 5, None)
    ledger.admit(tick(3))
    assert gaps.changes(ledger.holes, 6_600) == []
    ledger.set_source(4, 4, "none")
    for identity in (2, 5):
        ledger.admit(tick(identity))
    closed, lost = gaps.changes(ledger.holes, 7_000)
    assert (closed.first_id, closed.last_id, closed.closed) == (2, 5, 7_000)
    assert (lost.first_id, lost.last_id, lost.closed, lost.cause) == (4, 4, None, LOST)
    assert gaps.changes(ledger.holes, 8_000) == []
    assert gaps.open == [lost]


def test_a_feed_that_sends_again_what_is_long_past_opens_no_hole() -> None:
    intake = Intake("S")
    assert intake.accept([tick(500, 3_600_000), tick(499, 3_599_000)]), "a little out of order is fine"
    assert intake.accept([tick(7, 1_000), tick(501, 3_601_000)]) == [tick(501, 3_601_000)]
    assert (intake.refused, intake.ledger.missing) == (1, 0)
    assert intake.accept([tick(497, 3_500_000)], past=True), "what is asked for is another matter"
    assert intake.ledger.missing == 1


def test_what_went_missing_before_a_time_is_forgotten() -> None:
    ledger = Ledger()
    ledger.restore(Known(20, 2_000, (Hole(5, 6, 500, 700, 800, STOPPED), Hole(9, 9, 900, 1_100, 1_200, STOPPED))))
    ledger.forget(1_000)
    for identity in (21, 25, 28):
        ledger.admit(tick(identity, identity * 100))
    assert [hole.first for hole in ledger.holes] == [9, 22, 26]
    ledger.forget(2_501)
    assert [hole.first for hole in ledger.holes] == [26]
    assert ledger.spans() == ((2_500, 2_800),)
    assert not ledger.admit(tick(9, 1_000)), "it is not waited for"
    for ts in (3_000, 9_000):
        ledger.note_refused(ts)
    ledger.forget(3_001)
    assert ledger.spans() == ((9_000, 9_000),)
