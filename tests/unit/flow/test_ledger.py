"""The ledger of trade ids: each once, the missing ones named."""

from hypothesis import given
from hypothesis import strategies as st

from quantd.flow.ingest.intake import Intake
from quantd.flow.ingest.ledger import Ledger, Numbering
from quantd.model import Tick


def tick(identity: int, ts: int = 0, price: float = 1.0, qty: float = 1.0) -> Tick:
    return Tick("S", identity, ts, ts, price, qty, False)


def test_a_jump_is_a_gap_until_it_is_filled() -> None:
    ledger = Ledger("S")
    assert [ledger.admit(tick(identity, ts)) for identity, ts in ((10, 100), (11, 110), (15, 150))] == [True] * 3
    assert [(gap.first_id, gap.last_id, gap.closed) for gap in ledger.gaps()] == [(12, 14, None)]
    assert ledger.spans() == ((110, 150),)
    assert ledger.admit(tick(13, 130))
    assert [(gap.first_id, gap.last_id) for gap in ledger.gaps()] == [(12, 12), (14, 14)]
    assert ledger.spans() == ((110, 130), (130, 150))
    assert ledger.admit(tick(12, 120))
    assert ledger.admit(tick(14, 140))
    assert (ledger.gaps(), ledger.missing, ledger.duplicates) == ([], 0, 0)


@given(st.lists(st.integers(1, 40), min_size=1))
def test_each_id_is_let_through_once_and_the_rest_between_is_missing(ids: list[int]) -> None:
    ledger = Ledger("S")
    admitted = [identity for identity in ids if ledger.admit(tick(identity, identity))]
    assert sorted(admitted) == sorted(set(ids))
    assert ledger.duplicates == len(ids) - len(set(ids))
    missing = {identity for gap in ledger.gaps() for identity in range(gap.first_id, gap.last_id + 1)}
    assert missing == set(range(min(ids), max(ids) + 1)) - set(ids)
    assert ledger.missing == len(missing)


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
    assert [each.id for each in intake.take([*bad, tick(7), tick(7), tick(0, 9), tick(0, 9)])] == [7, 9_000, 9_001]
    assert (intake.refused, intake.ledger.duplicates, intake.accepted) == (6, 1, 3)


def test_news_of_holes_are_told_once() -> None:
    intake = Intake("S")
    assert intake.news_of_holes() is None
    intake.take([tick(1, 10), tick(3, 30)])
    assert intake.news_of_holes() == ((10, 30),)
    assert intake.news_of_holes() is None
    intake.take([tick(2, 20)])
    assert intake.news_of_holes() == ()
