"""Made-up data keeps the rules of real data."""

from collections.abc import Callable
from itertools import pairwise
from typing import Any

import pytest

from quantd.testing import fakes
from quantd.timeframes import timeframe


@pytest.mark.parametrize("make", [fakes.ticks, fakes.bars, fakes.points])
def test_equal_seeds_make_equal_rows(make: Callable[..., list[Any]]) -> None:
    assert make(50) == make(50)
    assert make(50) != make(50, seed=1)
    assert make(0) == []


def test_ticks_run_on() -> None:
    ticks = fakes.ticks(500)
    assert [tick.id for tick in ticks] == list(range(1, 501))
    assert all(one.ts <= other.ts for one, other in pairwise(ticks))
    assert all(tick.ts <= tick.recv and tick.price > 0 and tick.qty > 0 for tick in ticks)


def test_bars_are_contiguous_and_ordered() -> None:
    bars = fakes.bars(50, every="14h")
    assert all(other.ts == timeframe("14h").end(one.ts) for one, other in pairwise(bars))
    assert all(bar.low <= min(bar.open, bar.close) <= max(bar.open, bar.close) <= bar.high for bar in bars)
    assert {bar.volume == 0 for bar in bars} == {True, False}
