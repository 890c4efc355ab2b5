"""Trades that wait keep their order."""

from msgspec.structs import replace

from quantd.columns.pile import PointPile, TickPile
from quantd.columns.points import PointColumns
from quantd.columns.ticks import TICK, TickBatch, TickRun, packed_of
from quantd.model import DEFINITION
from quantd.testing import fakes


def pile() -> TickPile:
    some = fakes.ticks(9)
    made = TickPile()
    for piece in (some[:2], [], TickRun("BTCUSDT", packed_of(some[2:5])), TickBatch.of(some[5:])):
        made.add(piece)
    return made


def test_what_was_added_first_is_dropped_first() -> None:
    some, waiting = fakes.ticks(9), pile()
    assert (len(waiting), list(waiting.joined())) == (9, some)
    assert (list(waiting.drop(4)), len(waiting), list(waiting.joined())) == (some[:4], 5, some[4:])
    assert (list(waiting.drop(9)), len(waiting), list(waiting.joined())) == (some[4:], 0, [])


def test_what_is_put_back_comes_before_what_came_meanwhile() -> None:
    older, newer = pile(), TickPile()
    newer.add(fakes.ticks(2, symbol="ETHUSDT"))
    older.joined()
    newer.put_back(older)
    assert (len(newer), list(newer.joined())) == (11, [*fakes.ticks(9), *fakes.ticks(2, symbol="ETHUSDT")])


def test_what_remains_keeps_no_dropped_trades_in_memory() -> None:
    waiting = pile()
    waiting.drop(4)
    assert len(waiting.joined().rows.base) == 5 * TICK.itemsize


def test_points_come_out_in_order_whatever_is_put_back_or_cut() -> None:
    points = [replace(point, definition=DEFINITION) for point in fakes.points(30)]
    pile, older = PointPile(), PointPile()
    pile.add(points[20:])
    older.add(points[:10])
    older.add(PointColumns.of(points[10:11]))
    older.add(points[11:20])
    pile.put_back(older)
    assert (len(pile), pile.taken()) == (30, points)
    assert pile.cut(25) == 10
    assert (len(pile), pile.taken()) == (20, points[10:])
    pile.add([])
    assert pile.cut(20) == 0
