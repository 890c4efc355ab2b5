"""The recent rows of a series are bounded, in order and at their last revision."""

import msgspec

from quantd.history.recent import RECENT, RecentRows
from quantd.model import Bar
from quantd.testing import fakes

LAST = 2**60


def nothing(start: int, end: int, count: int | None) -> list[Bar]:
    """A store without rows."""
    return []


def test_only_the_newest_rows_are_held() -> None:
    recent: RecentRows[Bar] = RecentRows(nothing)
    rows = fakes.bars(RECENT + 10)
    for row in [*rows[:5], *reversed(rows[5:])]:
        recent.put(row)
    assert recent.recent() == rows[10:]


def test_the_newest_of_a_span_are_read_across_memory_and_store() -> None:
    rows = fakes.bars(20)
    recent: RecentRows[Bar] = RecentRows(
        lambda start, end, count: [row for row in rows[:12] if start <= row.ts < end][-count if count else 0 :]
    )
    better = msgspec.structs.replace(rows[11], revision=1)
    for row in [better, *rows[12:]]:
        recent.put(row)
    assert recent.read(0, LAST) == [*rows[:11], better, *rows[12:]]
    assert recent.read(0, rows[14].ts, 4) == [rows[10], better, *rows[12:14]]


def test_what_the_store_holds_at_a_later_revision_counts() -> None:
    rows = fakes.bars(1)
    better = msgspec.structs.replace(rows[0], revision=1)
    recent: RecentRows[Bar] = RecentRows(lambda start, end, count: [better])
    recent.put(rows[0])
    assert recent.read(0, LAST) == [better]


def test_a_late_row_is_put_in_unless_it_is_older_than_all_that_is_held() -> None:
    rows = fakes.bars(5)
    recent: RecentRows[Bar] = RecentRows(nothing)
    for row in (rows[1], rows[4]):
        recent.put(row)
    recent.amend([rows[0], rows[2]])
    assert recent.recent() == [rows[1], rows[2], rows[4]]
