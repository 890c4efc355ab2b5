"""The gaps that are told, against their definition, and what it costs to tell them."""

from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from quantd.flow.ingest.gaps import GRACE_MS, Gaps
from quantd.flow.ingest.ledger import FILED, LOST, Hole, Ledger, Source, overlapping
from quantd.model import Gap, Tick
from tests.calls import calls_of

MANY = 300


class Definition:
    """What is told, by looking at each gap and hole at each call."""

    def __init__(self, told: list[Gap]) -> None:
        self.told = {(gap.first_id, gap.last_id): gap for gap in told}

    def changes(self, holes: list[Hole], now: int) -> list[Gap]:
        closed = [self.told[key] for key in sorted(self.told) if not self.stands(self.told[key], holes)]
        for gap in closed:
            del self.told[gap.first_id, gap.last_id]
        fresh = [
            Gap("S", hole.first, hole.last, hole.start, hole.end, hole.opened, None, hole.cause)
            for hole in holes
            if not any(gap.first_id <= hole.first and hole.last <= gap.last_id for gap in self.told.values())
            and (hole.source != "feed" or abs(now - hole.opened) >= GRACE_MS)
        ]
        self.told |= {(gap.first_id, gap.last_id): gap for gap in fresh}
        return [replace(gap, closed=now) for gap in closed] + fresh

    def stands(self, gap: Gap, holes: list[Hole]) -> bool:
        parts = overlapping(holes, gap.first_id, gap.last_id)
        itself = (gap.first_id, gap.last_id, gap.cause)
        return any(part.source == "feed" or (part.first, part.last, part.cause) == itself for part in parts)


ids = st.integers(1, 40)
sources: st.SearchStrategy[Source] = st.sampled_from(["file", "none"])
spans = st.tuples(ids, ids).map(lambda pair: (min(pair), max(pair)))
saved = st.lists(st.tuples(spans, st.sampled_from(["disconnected", FILED, LOST])), max_size=4)
steps = st.lists(ids | st.tuples(spans, sources) | st.none(), max_size=40)


@given(saved, steps, st.lists(st.sampled_from([0, 1, 400, 1_000, -700]), min_size=40, max_size=40))
def test_gaps_are_told_as_they_are_defined(before: list[tuple[tuple[int, int], str]], course: list[object], waits: list[int]) -> None:
    """Trades come in any order, ids are passed on, or nothing happens, while time goes on, and now and then back."""
    told = [Gap("S", first, last, 0, 1, 1, None, cause) for (first, last), cause in before]
    gaps, definition, ledger, now = Gaps("S", told), Definition(told), Ledger(), 10_000
    for step, wait in zip([None, *course], [0, *waits], strict=False):
        now += wait
        if isinstance(step, int):
            ledger.admit(Tick("S", step, step, now, 1.0, 1.0, False))
        elif isinstance(step, tuple):
            (first, last), source = step
            ledger.set_source(first, last, source)
        assert gaps.changes(ledger.holes, now) == definition.changes(ledger.holes, now)
        assert gaps.open == [definition.told[key] for key in sorted(definition.told)]
        assert bool(gaps) == bool(definition.told)


def test_many_holes_cost_little_when_one_changes_and_nothing_when_none_does() -> None:
    ledger, gaps = Ledger(), Gaps("S")
    for identity in range(1, 4 * MANY, 4):
        ledger.admit(Tick("S", identity, 0, 0, 1.0, 1.0, False))
    assert len(gaps.changes(ledger.holes, GRACE_MS)) == MANY - 1
    assert calls_of(lambda: gaps.changes(ledger.holes, 2 * GRACE_MS)) < 10
    ledger.admit(Tick("S", 3, 0, 0, 1.0, 1.0, False))
    assert calls_of(lambda: gaps.changes(ledger.holes, 3 * GRACE_MS)) < 20 * MANY


def test_a_clock_that_is_set_back_holds_up_no_gap() -> None:
    ledger, gaps = Ledger(), Gaps("S")
    ledger.admit(Tick("S", 1, 0, 100_000, 1.0, 1.0, False))
    ledger.admit(Tick("S", 3, 0, 100_000, 1.0, 1.0, False))
    assert gaps.changes(ledger.holes, 100_000) == []
    assert [gap.first_id for gap in gaps.changes(ledger.holes, 40_000)] == [2]
