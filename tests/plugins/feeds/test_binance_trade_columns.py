"""Many trades that arrive together become columns, and the rest structs, in the order of receipt."""

import json
import random
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import quantd
from quantd.clock import EventClock
from quantd.net import Attempts, BoundedQueue, Texts
from quantd_plugins.feeds.binance import arrivals, trade_columns
from quantd_plugins.feeds.binance.bans import Bans
from quantd_plugins.feeds.binance.books import Books
from quantd_plugins.feeds.binance.connection import Connection, Shared
from quantd_plugins.feeds.binance.frames import Faults
from quantd_plugins.feeds.binance.timing import ExchangeClock
from tests.plugins.feeds.test_binance_frames import TICKER, TRADE

NOW = 1_795_489_444_000


class Turn:
    """A clock that stands still."""

    def now(self) -> int:
        return NOW


def connection() -> Connection:
    clock = EventClock(NOW)
    books = Books(fetch_nothing, 20, clock, random.Random(1))
    turn: Any = Turn()
    bans = Bans(clock, {}, market=clock)
    queue = BoundedQueue[quantd.Event](1_000)
    shared = Shared(queue, clock, turn, ExchangeClock(clock), Faults(clock), bans, Attempts(clock), books, lambda *_: None)
    return Connection("one", "ws://nowhere", shared, frozenset)


async def fetch_nothing(symbol: str) -> Any:
    raise AssertionError(symbol)


def text(symbol: str, number: int) -> bytes:
    frame = json.loads(TRADE)
    frame["data"] |= {"s": symbol, "a": number, "p": f"{1 + number / 100:.2f}", "m": number % 3 == 0, "T": NOW - number}
    return json.dumps(frame).encode()


TEXTS = st.lists(
    st.one_of(
        st.builds(text, st.sampled_from(["BTCUSDT", "ETHUSDT", "1000PEPEUSDT"]), st.integers(1, 999)),
        st.builds(text, st.just("BTCUSDT"), st.integers(1, 999)),
        st.sampled_from([TICKER, b"[nothing", b"", b"{}", TICKER + b"\n" + TICKER, b"\n"]),
    ),
    max_size=30,
)


def taken(texts: list[bytes], of: Connection) -> list[Sequence[quantd.Event]]:
    return [batch for batch in of._take(Texts.of(texts)) if batch]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(TEXTS, max_size=4))
def test_columns_hold_the_same_events_in_the_same_order(monkeypatch: pytest.MonkeyPatch, reads: list[list[bytes]]) -> None:
    columns, structs = connection(), connection()
    for texts in reads:
        monkeypatch.setattr(trade_columns, "MANY", 4)
        monkeypatch.setattr(arrivals, "ENOUGH", 1)
        found = taken(texts, columns)
        monkeypatch.setattr(trade_columns, "MANY", 1_000)
        expected = taken(texts, structs)
        assert [event for batch in found for event in batch] == [event for batch in expected for event in batch]
        assert all(len(batch) >= 4 for batch in found if isinstance(batch, quantd.TickBatch))
    assert (columns.brought, columns.skipped, columns.upto) == (structs.brought, structs.skipped, structs.upto)


def test_many_trades_are_a_batch_and_few_are_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trade_columns, "MANY", 4)
    monkeypatch.setattr(arrivals, "ENOUGH", 5)
    trades = [text("BTCUSDT", number) for number in range(1, 6)]
    batches = taken([*trades[:3], TICKER, *trades, TICKER], connection())
    assert [type(batch) for batch in batches] == [list, quantd.TickBatch, list]
    assert [len(batch) for batch in batches] == [4, 5, 1]
    others = [text(symbol, number) for number in range(6, 10) for symbol in ("BTCUSDT", "ETHUSDT")]
    assert [type(batch) for batch in taken(others, connection())] == [list], "four of each symbol are not enough"


def test_what_a_lost_connection_missed_is_told_of_a_batch_too(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    monkeypatch.setattr(trade_columns, "MANY", 2)
    new = connection()
    new.resume({"BTCUSDT": 4, "ETHUSDT": 9, "ADAUSDT": 1})
    taken([text("BTCUSDT", 7), text("ETHUSDT", 10), text("BTCUSDT", 8)], new)
    assert "BTCUSDT: trades missed: 2, ids 5 to 6" in caplog.text
    assert new.brought == {"BTCUSDT": 8, "ETHUSDT": 10}


def test_trades_wait_for_an_elder_one_by_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trade_columns, "MANY", 2)
    old = connection()
    taken([text("BTCUSDT", 5)], old)
    new = Connection("two", old.url, old._shared, frozenset, old)
    batches = taken([text("BTCUSDT", number) for number in (6, 7, 8)], new)
    assert [[event.id for event in batch if isinstance(event, quantd.Tick)] for batch in batches] == [[6]]
    assert [event.id for event in new.arrivals.released() if isinstance(event, quantd.Tick)] == [7, 8]
