"""The recent bars of a series are bounded, in order and at their last revision."""

import msgspec

from quantd.history.bar_ring import BarRing
from quantd.history.history import History
from quantd.history.recent import RECENT
from quantd.history.recent_bars import RecentBars
from quantd.history.store_reader import StoreReader
from quantd.testing import fakes

LAST = 2**60
KEY = "BTCUSDT", "1m"


def test_only_the_newest_bars_are_held() -> None:
    recent, rows = RecentBars(StoreReader(None)), fakes.bars(RECENT + 10)
    recent.put([*rows[:5], *reversed(rows[5:])])
    assert list(recent.held(*KEY)) == rows[10:]


def test_a_late_bar_is_put_in_unless_it_is_older_than_all_that_are_held() -> None:
    recent, rows = RecentBars(StoreReader(None)), fakes.bars(5)
    recent.put([rows[1], rows[4]])
    recent.amend([rows[0], rows[2]])
    assert list(recent.held(*KEY)) == [rows[1], rows[2], rows[4]]
    assert [recent.get(*KEY, row.ts) for row in rows] == [None, rows[1], rows[2], None, rows[4]]


def test_a_ring_that_has_gone_round_is_read_in_order() -> None:
    ring, rows = BarRing(*KEY, 7), fakes.bars(30)
    for number, row in enumerate(rows):
        gone = ring.put(row)
        assert gone == (rows[number - 7].ts if number >= 7 else -1)
        held = rows[max(0, number - 6) : number + 1]
        for begin in range(len(held) + 1):
            assert list(ring.read(begin, len(held))) == held[begin:]
            assert list(ring.read(0, begin)) == held[:begin]
        assert [ring.find(each.ts) for each in rows] == [sum(other.ts < each.ts for other in held) for each in rows]


def test_event_bars_come_at_any_time_and_keep_their_states() -> None:
    history = History(None, recent=4)
    rows = [msgspec.structs.replace(bar, every="ticks", ts=bar.ts + 7 * at * at, state=b"%d" % at) for at, bar in enumerate(fakes.bars(9))]
    history.put_bars(rows)
    assert history.bars("BTCUSDT", "ticks", 0, LAST) == rows[5:]
    assert history.bars("BTCUSDT", "ticks", rows[6].ts + 1, LAST) == rows[7:]
    without = msgspec.structs.replace(rows[7], state=None, revision=1)
    history.put_bars([without])
    assert history.bars("BTCUSDT", "ticks", 0, LAST) == [*rows[5:7], without, rows[8]]
