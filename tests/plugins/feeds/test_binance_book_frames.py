"""What is made of the exchange's quotes, books and mark prices, good and bad."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

import quantd
from quantd_plugins.feeds.binance.book_frames import BookTicker, DepthSnapshot, DepthUpdate, MarkPriceUpdate, decode_snapshot
from quantd_plugins.feeds.binance.frames import UNREADABLE

Payload = BookTicker | DepthUpdate | MarkPriceUpdate

QUOTE = (
    b'{"e":"bookTicker","u":8729795489443,"s":"BTCUSDT","ps":"BTCUSDT","b":"85599.80","B":"4.120","a":"85599.90","A":"0.000",'
    b'"T":1795489443990,"E":1795489443996,"st":1}'
)
DEPTH = (
    b'{"e":"depthUpdate","E":1795489443996,"T":1795489443990,"s":"BTCUSDT","ps":"BTCUSDT","U":101,"u":140,"pu":90,'
    b'"b":[["85599.80","4.120"],["85599.70","0.000"]],"a":[["85599.90","1"]],"st":1}'
)
MARK = (
    b'{"e":"markPriceUpdate","E":1795489443000,"s":"BTCUSDT","p":"85601.12345678","ap":"85600.1","P":"85590.5","i":"85590.5",'
    b'"r":"-0.00010000","T":1795507200000,"st":1}'
)
SNAPSHOT = b'{"lastUpdateId":120,"E":1795489443996,"T":1795489443700,"bids":[["85599.80","4.120"]],"asks":[["85599.90","1.000"]]}'

decode = msgspec.json.Decoder(Payload, strict=False).decode


def test_a_quote() -> None:
    assert decode(QUOTE).event(7) == quantd.Quote("BTCUSDT", 1795489443990, 7, 8729795489443, 85599.8, 4.12, 85599.9, 0.0)


def test_a_depth() -> None:
    update = decode(DEPTH)
    assert isinstance(update, DepthUpdate)
    assert (update.first_id, update.id, update.previous_id) == (101, 140, 90)
    assert update.event(7) == quantd.Depth("BTCUSDT", 1795489443990, 7, 140, bids=((85599.8, 4.12), (85599.7, 0.0)), asks=((85599.9, 1.0),))


def test_a_mark_price() -> None:
    assert decode(MARK).event(7) == quantd.Mark("BTCUSDT", 1795489443000, 7, 85601.12345678, 85590.5, -0.0001, 1795507200000)


@pytest.mark.parametrize("rate", [b'""', b'"NaN"', b'"Infinity"', b'"1e999"', b'"none"'])
def test_a_rate_that_is_none_is_none(rate: bytes) -> None:
    mark = decode(MARK.replace(b'"-0.00010000"', rate)).event(7)
    assert isinstance(mark, quantd.Mark)
    assert (mark.funding_rate, mark.next_funding, mark.mark) == (None, None, 85601.12345678)


def test_a_contract_with_an_end_has_no_funding() -> None:
    mark = decode(MARK.replace(b'"-0.00010000"', b'""').replace(b"1795507200000", b"0")).event(7)
    assert isinstance(mark, quantd.Mark)
    assert mark.next_funding is None


def test_a_snapshot() -> None:
    assert decode_snapshot(SNAPSHOT) == DepthSnapshot(120, 1795489443700, ((85599.8, 4.12),), ((85599.9, 1.0),))


@pytest.mark.parametrize(
    ("frame", "old", "new"),
    [(QUOTE, b'"85599.80"', text) for text in (b'"NaN"', b'"-1"', b'"0"', b'"1e999"', b'""', b"null", b"[]")]
    + [
        (QUOTE, b"8729795489443", b"9223372036854775808"),
        (QUOTE, b"8729795489443", b"0"),
        (QUOTE, b'"4.120"', b'"-4.120"'),
        (QUOTE, b'"4.120"', b'"Infinity"'),
        (QUOTE, b'"T":1795489443990', b'"T":1795489443990000'),
        (QUOTE, b'"s":"BTCUSDT",', b""),
        (QUOTE, b"bookTicker", b"ticket"),
        (DEPTH, b'["85599.90","1"]', b'["85599.90","NaN"]'),
        (DEPTH, b'["85599.90","1"]', b'["85599.90"]'),
        (DEPTH, b'["85599.90","1"]', b'["85599.90","1","2"]'),
        (DEPTH, b'"pu":90,', b""),
        (MARK, b'"85601.12345678"', b'"0"'),
        (MARK, b'"i":"85590.5",', b""),
        (MARK, b'"r":"-0.00010000",', b""),
    ],
)
def test_what_cannot_be_true_is_refused(frame: bytes, old: bytes, new: bytes) -> None:
    assert old in frame
    decode(frame)
    with pytest.raises(UNREADABLE):
        decode(frame.replace(old, new))


@pytest.mark.parametrize("frame", [QUOTE, DEPTH, MARK])
def test_fields_that_nobody_knows_do_no_harm(frame: bytes) -> None:
    assert decode(frame.replace(b'"st":1', b'"zz1":{"deep":[1,"2",null]}')) == decode(frame)


@given(st.sampled_from([QUOTE, DEPTH, MARK]), st.integers(0, 200), st.binary(max_size=3))
def test_no_bytes_break_the_reader(frame: bytes, at: int, flip: bytes) -> None:
    try:
        payload = decode(frame[:at] + flip + frame[at + 1 :])
    except UNREADABLE:
        return
    assert payload.event(0).ts > 0
