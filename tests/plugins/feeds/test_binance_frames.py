"""What is made of the exchange's frames, good and bad."""

import logging
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

import quantd
from quantd.clock import EventClock
from quantd_plugins.feeds.binance.frames import UNREADABLE, Faults, Frame, decode

TRADE = (
    b'{"stream":"btcusdt@aggTrade","data":{"e":"aggTrade","E":1795489443996,"s":"BTCUSDT","a":3942166440,"p":"85599.80","q":"0.012",'
    b'"nq":"0.010","f":100,"l":105,"T":1795489443990,"m":true,"st":1}}'
)
TICKER = (
    b'{"stream":"btcusdt@ticker","data":{"e":"24hrTicker","E":1795489443996,"s":"BTCUSDT","ps":"BTCUSDT","p":"-94.99","P":"-0.11",'
    b'"w":"85000.1","c":"85599.80","Q":"0.5","o":"85694.79","h":"86000.00","l":"84000.10","v":"1000.5","q":"85000000.25",'
    b'"O":1795403040000,"C":1795489443990,"F":1,"L":999,"n":999,"st":1}}'
)
TICK = quantd.Tick("BTCUSDT", 3942166440, 1795489443990, 7, 85599.8, 0.012, True)


def event(text: bytes) -> quantd.Event | None:
    data: Any = decode(text).data
    return data and data.event(7)


def test_a_trade_becomes_a_tick() -> None:
    assert event(TRADE) == TICK


def test_a_ticker_becomes_a_ticker() -> None:
    assert event(TICKER) == quantd.Ticker(
        symbol="BTCUSDT",
        ts=1795489443996,
        last=85599.8,
        open=85694.79,
        high=86000.0,
        low=84000.1,
        change=-94.99,
        change_percent=-0.11,
        volume=1000.5,
        quote_volume=85000000.25,
    )


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b'"nq":"0.010",', b""),
        (b',"st":1', b""),
        (b'"st":1', b'"st":1,"zz1":{"deep":[1,"2",null]}'),
        (b'"q":"0.012"', b'"q":0.012'),
        (b'"stream":"btcusdt@aggTrade",', b""),
        (b'"e":"aggTrade","E":1795489443996,', b'"E":1795489443996,"e":"aggTrade",'),
    ],
)
def test_a_change_of_the_schema_that_leaves_what_we_use_does_no_harm(old: bytes, new: bytes) -> None:
    assert old in TRADE
    assert event(TRADE.replace(old, new)) == TICK


def test_symbols_of_any_script_are_kept() -> None:
    tick = event(TRADE.replace(b'"BTCUSDT"', '"币安人生USDT"'.encode()))
    assert isinstance(tick, quantd.Tick)
    assert tick.symbol == "币安人生USDT"


@pytest.mark.parametrize(
    ("old", "new"),
    [(b'"85599.80"', text) for text in (b'"NaN"', b'"Infinity"', b'"-1"', b'"0"', b'"1e999"', b'""', b"null", b'"abc"', b"[]", b"true")]
    + [
        (b"3942166440", b"9223372036854775808"),
        (b"3942166440", b"-3"),
        (b"3942166440", b"1.5"),
        (b'"T":1795489443990', b'"T":0'),
        (b'"T":1795489443990', b'"T":1795489443990000'),
        (b'"s":"BTCUSDT",', b""),
        (b'"m":true', b'"m":"maybe"'),
        (b'"aggTrade","E"', b'"kline","E"'),
        (b'"0.012"', b'"-0.012"'),
    ],
)
def test_what_cannot_be_a_trade_is_refused(old: bytes, new: bytes) -> None:
    assert old in TRADE
    with pytest.raises(UNREADABLE):
        decode(TRADE.replace(old, new))


@pytest.mark.parametrize(
    "text",
    [b"", b"[]", b"null", b"7", b"<html>403</html>", TRADE[:-20], b"\xff\xfe{}", b"[" * 100_000, b'{"x":' + b"[" * 100_000, b"\x00" * 50],
    ids=lambda text: str(text[:10]),
)
def test_garbage_is_refused(text: bytes) -> None:
    with pytest.raises(UNREADABLE):
        decode(text)


@given(
    st.binary()
    | st.builds(lambda text, at, flip: text[:at] + flip + text[at + 1 :], st.just(TRADE), st.integers(0, 230), st.binary(max_size=3))
)
def test_no_bytes_break_the_reader(text: bytes) -> None:
    try:
        frame = decode(text)
    except UNREADABLE:
        return
    data: Any = frame.data
    assert data is None or data.event(0).ts > 0


def test_answers() -> None:
    assert decode(b'{"result":null,"id":312}') == Frame(id=312)
    assert decode(b'{"result":["btcusdt@aggTrade"],"id":3}').refusal is None


@pytest.mark.parametrize(
    "text",
    [
        b'{"event":{"e":"serverShutdown","E":1795489443996}}',
        b'{"e":"serverShutdown","E":1795489443996}',
        b'{"stream":"","data":{"e":"serverShutdown","E":1795489443996}}',
    ],
)
def test_that_the_exchange_will_close_comes_wrapped_and_bare(text: bytes) -> None:
    assert decode(text).shutdown
    assert not decode(TRADE).shutdown


@pytest.mark.parametrize(
    "text",
    [
        b'{"error":{"code":2,"msg":"Invalid request: invalid stream"},"id":2}',
        b'{"id":null,"error":{"code":2,"msg":"Invalid request: invalid stream"}}',
        b'{"code":2,"msg":"Invalid request: invalid stream"}',
    ],
)
def test_refusals_come_wrapped_and_bare(text: bytes) -> None:
    refusal = decode(text).refusal
    assert refusal is not None
    assert msgspec.structs.astuple(refusal) == (2, "Invalid request: invalid stream")


def test_faults_are_told_once_a_minute(caplog: pytest.LogCaptureFixture) -> None:
    clock = EventClock(1_000_000)
    faults = Faults(clock)
    with caplog.at_level(logging.WARNING):
        for _ in range(5):
            faults.add("connection 1", b"junk", "bad")
        clock.advance_to(1_061_000)
        faults.add("connection 1", b"more junk", "bad")
    assert faults.count == 6
    assert [record.getMessage().split(", e.g.")[0] for record in caplog.records] == [
        "binance-futures: connection 1: skipped 1 frames",
        "binance-futures: connection 1: skipped 5 frames",
    ]
