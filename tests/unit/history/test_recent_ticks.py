"""The last trades of a symbol in memory are those that a list would hold."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quantd.columns.ticks import TickRun, packed_of
from quantd.history import recent_ticks
from quantd.history.recent_ticks import RecentTicks
from quantd.model import Tick
from quantd.testing import fakes

MOST = 7


@pytest.fixture(autouse=True)
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recent_ticks, "TICKS", MOST)


@given(st.lists(st.tuples(st.integers(1, 12), st.booleans(), st.integers(0, 3)), max_size=12))
def test_the_ring_holds_what_a_list_would_hold(pieces: list[tuple[int, bool, int]]) -> None:
    recent, all_trades = RecentTicks(), fakes.ticks(200)
    expected: list[Tick] = []
    at = 0
    for count, as_columns, again in pieces:
        piece = all_trades[max(0, at - again) : at + count]
        expected += all_trades[at : at + count]
        at += count
        recent.put("BTCUSDT", TickRun("BTCUSDT", packed_of(piece)) if as_columns else piece)
        assert list(recent.read("BTCUSDT", limit=MOST)) == expected[-MOST:]
        assert list(recent.read("BTCUSDT", limit=3)) == expected[-3:]
        assert recent.last("BTCUSDT") == expected[-1]
        assert recent.counts() == {"BTCUSDT": min(MOST, at)}
        start, end = expected[-MOST:][0].ts + 100, expected[-1].ts
        inside = [tick for tick in expected[-MOST:] if start <= tick.ts < end]
        assert list(recent.read("BTCUSDT", start, end)) == inside
        assert list(recent.read("BTCUSDT", start, limit=2)) == [tick for tick in expected[-MOST:] if tick.ts >= start][-2:]


def test_what_is_not_there_or_was_cleared_is_empty() -> None:
    recent = RecentTicks()
    for symbol in ("A", "B", "C"):
        recent.put(symbol, fakes.ticks(2, symbol=symbol))
    recent.put("D", [])
    assert (list(recent.read("D")), recent.last("D"), sorted(recent.counts())) == ([], None, ["A", "B", "C"])
    recent.clear("A")
    assert (list(recent.read("A")), sorted(recent.counts())) == ([], ["B", "C"])
    recent.clear(None)
    assert recent.counts() == {}


def test_a_trade_takes_41_bytes() -> None:
    recent = RecentTicks()
    recent.put("A", fakes.ticks(9, symbol="A"))
    assert len(recent.read("A").packed) == MOST * 41
    assert recent._rings["A"]._memory.nbytes == MOST * 41
