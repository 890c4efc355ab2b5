"""The bars of one symbol: closed in order, and after an absence some at a time."""

from functools import partial

import pytest

from quantd.clock import EventClock
from quantd.errors import QuantdError
from quantd.flow.bars.maker import BarMaker
from quantd.model import Bar
from quantd.plugin.guard import Guard
from quantd.testing import fakes
from quantd.timeframes import MINUTE, SECOND
from quantd_plugins.resamplers.time import TimeBars

DAWN = 1_700_006_400_000


def maker(*every: str) -> BarMaker:
    return BarMaker("X", TimeBars(every=every), Guard("resampler", "time", EventClock()))


tick = partial(fakes.tick, "X", start=DAWN)


def imported(every: str, ts: int, close: float) -> Bar:
    return Bar("X", every, DAWN + ts, close, close, close, close, 1.0, None, None, None, "imported")


def test_bars_of_all_timeframes_close_with_the_watermark() -> None:
    bars = maker("1s", "5s")
    bars.append([tick(1, 100), tick(2, 4_100, 103.0)])
    closed = bars.close(DAWN + 5 * SECOND, ())
    assert [(bar.every, bar.ts - DAWN, bar.close) for bar in closed] == [
        ("1s", 0, 100.0),
        ("1s", 1_000, 100.0),
        ("1s", 2_000, 100.0),
        ("1s", 3_000, 100.0),
        ("1s", 4_000, 103.0),
        ("5s", 0, 103.0),
    ]


def test_bars_in_a_hole_say_so_until_it_is_none() -> None:
    bars = maker("1s")
    bars.append([tick(1, 100), tick(9, 2_100)])
    hole = ((DAWN + 1_000, DAWN + 1_500),)
    assert [bar.quality for bar in bars.close(DAWN + 3 * SECOND, hole)] == ["partial", "gap", "complete"]
    assert bars.close(DAWN + 3 * SECOND, None) == [], "nothing has changed"
    (mended,) = bars.close(DAWN + 3 * SECOND, ())
    assert (mended.ts - DAWN, mended.quality, mended.revision) == (1_000, "complete", 1)


def test_after_an_absence_bars_close_ten_minutes_at_a_time() -> None:
    bars = maker("1m")
    bars.append([tick(1, 100)])
    bars.close(DAWN + MINUTE, ())
    bars.stand_still(DAWN + MINUTE)
    assert [(bars.reach(DAWN + 25 * MINUTE) - DAWN) // MINUTE for _ in range(4)] == [11, 21, 25, 25]


def test_missing_bars_between_two_that_came_are_flat() -> None:
    bars = maker("1m")
    for ts, close in ((0, 100.0), (3 * MINUTE, 104.0)):
        bars.append_bar(imported("1m", ts, close))
    assert [(bar.quality, bar.close) for bar in bars.close(DAWN, ())] == [
        ("imported", 100.0),
        ("gap", 100.0),
        ("gap", 100.0),
        ("imported", 104.0),
    ]


def test_bars_that_came_too_long_for_what_is_asked_are_an_error() -> None:
    bars = maker("1s", "5m")
    bars.append_bar(imported("1m", 0, 100.0))
    with pytest.raises(QuantdError, match="the feed brings bars of 1m, of which 1s cannot be made: ask for 1m or longer"):
        bars.close(DAWN, ())
