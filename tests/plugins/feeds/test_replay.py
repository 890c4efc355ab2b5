"""The replay feed: each format, the order of the merge, and what it makes of damaged files."""

import asyncio
import gzip
import io
import json
import logging
import time
from collections.abc import Sequence
from contextlib import aclosing
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import quantd
from quantd_plugins.feeds.replay import Replay
from tests.plugins.feeds.files import T, captured, collected, frame, replay, write, zipped

CAPTURES = Path(__file__).parents[4] / "shared" / "data"


# --- captures ---


def test_capture_takes_trades_from_combined_and_bare_frames(tmp_path: Path) -> None:
    quote = {"e": "bookTicker", "u": 9, "s": "BTCUSDT", "b": "1", "B": "2", "a": "3", "A": "4", "T": T, "E": T}
    path = write(
        tmp_path / "capture.jsonl",
        captured(T - 1200, quote, stream="btcusdt@bookTicker"),
        f'{T}000000 {{"result":["btcusdt@aggTrade"],"id":1}}',
        captured(T - 1100, frame(7)),
        captured(T - 1000, frame(8, ts=T + 5), stream=None),
    )
    assert replay(path) == [
        quantd.Tick("BTCUSDT", 7, T, T - 1100, 61800.30, 0.1, True),
        quantd.Tick("BTCUSDT", 8, T + 5, T - 1000, 61800.30, 0.1, True),
    ]


def test_capture_passes_any_execution_with_a_price(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    fund = frame(2, event="trade") | {"X": "INSURANCE_FUND"}
    path = write(tmp_path / "c", captured(T, fund), captured(T, frame(3, event="trade", price="0")), captured(T, frame(4, event="trade")))
    assert [tick.id for tick in replay(path)] == [2, 4]
    assert not caplog.records, "a price of zero is no bad line"


@pytest.mark.parametrize(("first", "second"), [("trade", "aggTrade"), ("aggTrade", "trade")])
def test_kind_of_trade_seen_first_wins(tmp_path: Path, caplog: pytest.LogCaptureFixture, first: str, second: str) -> None:
    lines = [captured(T + n, frame(n, event=first if n in (1, 4) else second)) for n in (1, 2, 3, 4)]
    other = captured(T + 9, frame(5, event=second, symbol="ETHUSDT"))
    assert [(tick.symbol, tick.id) for tick in replay(write(tmp_path / "c", *lines, other))] == [
        ("BTCUSDT", 1),
        ("BTCUSDT", 4),
        ("ETHUSDT", 5),
    ]
    assert [record.message for record in caplog.records] == [
        f"replay: BTCUSDT comes as both {first} and {second}, whose ids differ: skipping every {second}"
    ]


@pytest.mark.parametrize(
    ("symbol", "count", "first", "last"),
    [("btcusdt", 21_313, 5266583935, 5266605247), ("ethusdt", 14_076, 4308068523, 4308082598)],
)
def test_recorded_market(symbol: str, count: int, first: int, last: int) -> None:
    path = CAPTURES / f"binance_usdm_{symbol}_20240808.jsonl.gz"
    if not path.exists():
        pytest.skip("no captures here")
    ticks = replay(path)
    assert len(ticks) == count
    assert [tick.id for tick in ticks] == list(range(first, last + 1))


# --- NDJSON ---


@pytest.mark.parametrize(
    "ts",
    [
        T,
        float(T),
        str(T),
        T / 1000,
        f"{T / 1000}",
        T * 1_000_000,
        f"{T}.4",
        "2024-08-08T23:54:16.322Z",
        "2024-08-08T23:54:16.322999",
        "2024-08-09T01:54:16.322+02:00",
        T * 1000,
    ],
)
def test_collected_time(tmp_path: Path, ts: object) -> None:
    assert replay(write(tmp_path / "ticks.ndjson", collected(ts))) == [quantd.Tick("BTCUSDT", 0, T, T, 61800.3, 0.5, False)]


def test_collected_time_without_a_zone_is_utc(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write(tmp_path / "t", collected("2024-08-08 23:54:16.322"))
    with monkeypatch.context() as elsewhere:
        elsewhere.setenv("TZ", "Asia/Kolkata")
        time.tzset()
        ticks = replay(path)
    time.tzset()
    assert [tick.ts for tick in ticks] == [T]


def test_collected_numbers_may_be_text_and_size_may_be_qty(tmp_path: Path) -> None:
    ticks = replay(write(tmp_path / "t", collected(T, price="2", size="3"), "", collected(T, price=2, qty=3)))
    assert [(tick.price, tick.qty) for tick in ticks] == [(2.0, 3.0), (2.0, 3.0)]


@pytest.mark.parametrize(
    ("told", "maker"),
    [
        ({"side": "buy"}, False),
        ({"side": "SELL"}, True),
        ({"m": True}, True),
        ({"m": "false"}, False),
        ({"buyer_maker": 1}, True),
        ({"is_buyer_maker": True}, True),
        ({"isBuyerMaker": True}, True),
        ({"m": "trade", "side": "sell"}, True),
    ],
)
def test_collected_side(tmp_path: Path, caplog: pytest.LogCaptureFixture, told: dict[str, object], maker: bool) -> None:
    row = {"symbol": "X", "ts": T, "price": 1, "size": 1} | told
    assert [tick.buyer_maker for tick in replay(write(tmp_path / "t", json.dumps(row)))] == [maker]
    assert not caplog.records


@pytest.mark.parametrize("told", [{}, {"side": None}, {"side": "unknown"}, {"m": "spot", "side": 7}])
def test_collected_without_a_side_is_told_once(tmp_path: Path, caplog: pytest.LogCaptureFixture, told: dict[str, object]) -> None:
    row = json.dumps({"symbol": "X", "ts": T, "price": 1, "size": 1} | told)
    path = write(tmp_path / "t", collected(T), row, row)
    assert [tick.buyer_maker for tick in replay(path)] == [False] * 3
    (record,) = caplog.records
    assert record.message.startswith(f"{path}: 2 trades do not tell who took")
    assert record.message.endswith("do not use their taker_buy_volume")


def test_bare_payload_lines(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    quote = {"e": "bookTicker", "s": "BTCUSDT", "b": "1", "B": "2", "a": "x", "A": "4"}
    path = write(tmp_path / "t.ndjson", json.dumps(quote), json.dumps(frame(7)), json.dumps({"stream": "s", "data": frame(8)}))
    assert [(tick.id, tick.recv) for tick in replay(path)] == [(7, T), (8, T)]
    assert not caplog.records, "another frame is no bad line"


# --- dumps ---

DUMP = (f"100,61800.30,0.006,1,1,{T},true", f"101,61800.20,0.5,2,4,{T + 1},False")
DUMP_TICKS = [quantd.Tick("BTCUSDT", 100, T, T, 61800.30, 0.006, True), quantd.Tick("BTCUSDT", 101, T + 1, T + 1, 61800.20, 0.5, False)]


@pytest.mark.parametrize("header", [(), ("agg_trade_id,price,quantity,first_trade_id,last_trade_id,transact_time,is_buyer_maker",)])
def test_dump(tmp_path: Path, header: tuple[str, ...]) -> None:
    assert replay(write(tmp_path / "BTCUSDT-aggTrades-2024-08-08.csv", *header, *DUMP)) == DUMP_TICKS


def test_dump_in_microseconds_with_a_column_more(tmp_path: Path) -> None:
    lines = [line.replace(str(T), f"{T}999").replace(str(T + 1), f"{T + 1}000") + ",true" for line in DUMP]
    assert replay(write(tmp_path / "BTCUSDT-aggTrades-2025-08.csv", *lines)) == DUMP_TICKS


def test_dump_without_its_name(tmp_path: Path) -> None:
    with pytest.raises(quantd.QuantdError, match=r"does not tell its symbol: name it .* like BTCUSDT-aggTrades"):
        replay(write(tmp_path / "trades.csv", *DUMP))


@pytest.mark.parametrize(
    "bad", [f"102,1,inf,1,1,{T},true", f"102,1,1,1,1,{T},maybe", "102,1,1,1", f"102,1,,1,1,{T},true", f"x,1,1,1,1,{T},true"]
)
def test_bad_dump_line_is_skipped(tmp_path: Path, caplog: pytest.LogCaptureFixture, bad: str) -> None:
    path = write(tmp_path / "BTCUSDT-aggTrades-2024-08-08.csv", DUMP[0], bad, DUMP[1])
    assert replay(path) == DUMP_TICKS
    assert f"skipped 1 bad lines, the first at {path}:2" in caplog.text


# --- packing ---


def test_packed_files(tmp_path: Path) -> None:
    text = "\n".join(DUMP).encode()
    gz = tmp_path / "BTCUSDT-aggTrades-2024-08-08.csv.gz"
    gz.write_bytes(gzip.compress(text))
    assert replay(gz) == DUMP_TICKS
    assert replay(zipped(tmp_path / "BTCUSDT-aggTrades-2024-08-08.zip", any=text)) == DUMP_TICKS


def test_files_of_a_zip_are_played_like_files(tmp_path: Path) -> None:
    """What systems put beside them is passed over."""
    members = {
        "BTCUSDT-aggTrades-2024-08-09": DUMP[1].encode(),
        "BTCUSDT-aggTrades-2024-08-08": DUMP[0].encode(),
        "deep/ETHUSDT-aggTrades-2024-08": DUMP[1].encode(),
        "__MACOSX/._a": b"\0\1\2",
    }
    months = zipped(tmp_path / "months.zip", **members)
    assert [(tick.symbol, tick.id) for tick in replay(months)] == [("BTCUSDT", 100), ("BTCUSDT", 101), ("ETHUSDT", 101)]
    with pytest.raises(quantd.QuantdError, match=r"two.zip/b.csv is of no known format"):
        replay(zipped(tmp_path / "two.zip", **{"BTCUSDT-aggTrades-1": DUMP[0].encode(), "b": b"hello"}))


def test_a_zip_without_a_file(tmp_path: Path) -> None:
    with pytest.raises(quantd.QuantdError, match=r"a.zip: it holds no file"):
        replay(zipped(tmp_path / "a.zip", **{"__MACOSX/x": b"1"}))


def test_zip_cut_short(tmp_path: Path) -> None:
    path = zipped(tmp_path / "BTCUSDT-aggTrades-x.zip", any="\n".join(DUMP).encode())
    path.write_bytes(path.read_bytes()[:-30])
    with pytest.raises(quantd.QuantdError, match=r"cannot unpack .*; fetch or pack it again"):
        replay(path)


def test_gzip_cut_short_is_read_as_far_as_it_goes(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    packed = io.BytesIO()
    with gzip.GzipFile(fileobj=packed, mode="wb") as stream:
        for n in range(1, 3001):
            stream.write(f"{captured(T + n, frame(n))}\n".encode())
            if n == 2000:
                stream.flush()
                whole = packed.tell()
    path = tmp_path / "capture.gz"
    path.write_bytes(packed.getvalue()[: whole + 50])
    *ticks, doubt = replay(path)
    ids = [tick.id for tick in ticks]
    assert ids == list(range(1, len(ids) + 1))
    assert len(ids) >= 2000
    assert doubt == quantd.Status(ticks[-1].ts, healthy=False, symbols=("BTCUSDT",)), "what follows is not known"
    assert f"{path} is damaged and was read as far as it goes" in caplog.text


# --- bars ---


def test_bars(tmp_path: Path) -> None:
    path = write(
        tmp_path / "btcusdt.csv",
        "ts,open,high,low,close,volume,note",
        "60000,1.5,3,1,2,10,a",
        "180000,2,2,2,2,0,a gap before",
        "240000,2,4,2,3,5,",
    )
    bars = replay(path)
    assert [bar.ts for bar in bars] == [60_000, 180_000, 240_000]
    assert bars[0] == quantd.Bar("BTCUSDT", "1m", 60_000, 1.5, 3.0, 1.0, 2.0, 10.0, None, None, None, "imported")


def test_bars_of_several_symbols_in_other_column_order(tmp_path: Path) -> None:
    rows = [f'"{symbol}",5,{ts},2,2,2,2' for ts in (0, 3_600_000, 7_200_000) for symbol in ("ethusdt", "BTCUSDT")]
    bars = replay(
        write(tmp_path / "all.csv", "\ufeff" + '"symbol","volume","ts","open","high","low","close"', *rows[1:]), symbols=["ETHUSDT"]
    )
    assert [(bar.symbol, bar.every, bar.ts) for bar in bars] == [("ETHUSDT", "1h", 3_600_000), ("ETHUSDT", "1h", 7_200_000)]


@pytest.mark.parametrize("name", ["1s", "5m", "15m", "4h", "14h", "1d"])
def test_timeframe_is_found(tmp_path: Path, name: str) -> None:
    frame, openings = quantd.timeframe(name), [1_723_075_200_000]
    while len(openings) < 10:
        openings.append(frame.end(openings[-1]))
    bars = replay(write(tmp_path / "X.csv", "ts,open,high,low,close,volume", *(f"{ts},1,1,1,1,1" for ts in openings)))
    assert [(bar.every, bar.ts) for bar in bars] == [(name, ts) for ts in openings]


def test_quantds_own_files_are_read(tmp_path: Path) -> None:
    """The download of `/export/ohlcv`, and the bars.csv of a replay, whose shortest timeframe is taken."""
    rows = [f"2026-01-01T00:0{minute}:00.000Z,1,1,1,1,1" for minute in range(3)]
    download = write(tmp_path / "BTCUSDT_1m_ohlcv.csv", "timestamp,open,high,low,close,volume", *rows)
    assert [(bar.symbol, bar.every, bar.ts) for bar in replay(download)][:1] == [("BTCUSDT", "1m", 1_767_225_600_000)]
    every = [("1m", 60_000), ("tick-5", 60_007), ("1s", 60_000), ("1s", 61_000), ("tick-5", 60_500), ("1m", 120_000)]
    mixed = write(
        tmp_path / "bars.csv",
        "symbol,every,ts,open,high,low,close,volume",
        *(f"BTCUSDT,{name},{1_767_225_600_000 + ts},1,1,1,1,1" for name, ts in every),
    )
    assert [(bar.every, bar.ts - 1_767_225_600_000) for bar in replay(mixed)] == [("1s", 60_000), ("1s", 61_000)]


@pytest.mark.parametrize(("step", "seen"), [(90_000, "90,000 ms"), (0, "no two rows"), (7 * 86_400_000, "604,800,000 ms")])
def test_unknown_timeframe(tmp_path: Path, step: int, seen: str) -> None:
    rows = [f"{1_723_161_600_000 + n * step},1,1,1,1,1" for n in range(3)]
    with pytest.raises(quantd.QuantdError, match=rf"X.csv is of no known timeframe: .*{seen}"):
        replay(write(tmp_path / "X.csv", "ts,open,high,low,close,volume", *rows))


def test_bars_come_at_their_end(tmp_path: Path) -> None:
    hour = 1_700_002_800_000
    bars = write(tmp_path / "X.csv", "ts,open,high,low,close,volume", f"{hour + 60_000},1,1,1,1,1", f"{hour + 120_000},1,1,1,1,1")
    ticks = write(tmp_path / "t", *(collected(hour + ts) for ts in (60_000, 119_999, 120_000, 180_001)))
    assert [(type(event).__name__, event.ts - hour) for event in replay(bars, ticks)] == [
        ("Tick", 60_000), ("Tick", 119_999), ("Bar", 60_000), ("Tick", 120_000), ("Bar", 120_000), ("Tick", 180_001),
    ]  # fmt: skip


@pytest.mark.parametrize(
    "row", ["60000,1,1,1,1", "60000,x,1,1,1,1", "60000,1,1,1,nan,1", "60000,1,1,-1,1,1", "60000,1,1,1,2,1", "60001,1,1,1,1,1"]
)
def test_bad_bar(tmp_path: Path, caplog: pytest.LogCaptureFixture, row: str) -> None:
    good = [f"{n * 1000},1,1,1,1,1" for n in range(1, 1001)]
    assert len(replay(write(tmp_path / "X.csv", "ts,open,high,low,close,volume", *good, row))) == 1000
    assert "X.csv:1002" in caplog.text


# --- the merge ---


@settings(max_examples=30, deadline=None)
@given(
    times=st.lists(st.lists(st.integers(1, 20), min_size=1, max_size=12).map(sorted), min_size=1, max_size=4),
    chunk=st.integers(1, 50),
)
def test_files_are_merged_by_time_and_ties_by_file(tmp_path_factory: pytest.TempPathFactory, times: list[list[int]], chunk: int) -> None:
    folder = tmp_path_factory.mktemp("merge")
    files = [write(folder / str(n), *(collected(T + ts, symbol=f"S{n}") for ts in of)) for n, of in enumerate(times)]
    expected = sorted(((T + ts, f"S{n}") for n, of in enumerate(times) for ts in of), key=lambda pair: pair[0])
    assert [(tick.ts, tick.symbol) for tick in replay(*files, chunk=chunk)] == expected


def test_captures_are_merged_by_receipt(tmp_path: Path) -> None:
    ahead = write(tmp_path / "a", *(captured(T + n, frame(n, ts=T + 5000 + n)) for n in (1, 3, 5)))
    behind = write(tmp_path / "b", *(captured(T + n, frame(n, ts=T - 5000 + n, symbol="ETHUSDT")) for n in (2, 4, 6)))
    assert [tick.id for tick in replay(ahead, behind)] == [1, 2, 3, 4, 5, 6]


def test_only_wanted_symbols_are_played(tmp_path: Path) -> None:
    path = write(tmp_path / "t", *(collected(T, symbol=symbol) for symbol in ("btcusdt", "ETHUSDT", "SOLUSDT")))
    assert [tick.symbol for tick in replay(path, symbols=["ethusdt", "SOLUSDT"])] == ["ETHUSDT", "SOLUSDT"]
    assert replay(path, symbols=["XRPUSDT"]) == []


def test_batches_and_progress(tmp_path: Path) -> None:
    path = write(tmp_path / "t", *(collected(T + n) for n in range(5)))
    feed = Replay(files=(str(path), str(path)), chunk=4)

    async def sizes() -> list[int]:
        return [len(batch) async for batch in feed.stream(quantd.Subscription(()))]

    assert feed.progress() is None
    assert asyncio.run(sizes()) == [4, 4, 2]
    assert feed.progress() == quantd.Progress(2 * path.stat().st_size, 2 * path.stat().st_size)


def test_progress_grows_with_the_bytes_read(tmp_path: Path) -> None:
    path = write(tmp_path / "t", *(collected(T + n) for n in range(300_000)))
    feed = Replay(files=(str(path),))

    async def seen() -> list[int]:
        return [feed.progress().done async for _ in feed.stream(quantd.Subscription(()))]

    done = asyncio.run(seen())
    assert done == sorted(done)
    assert 0 < done[0] < done[len(done) // 2] < path.stat().st_size


def test_leaving_early_closes_the_files(tmp_path: Path) -> None:
    feed = Replay(files=(str(write(tmp_path / "t", *(collected(T + n) for n in range(20_000)))),), chunk=1)

    async def first() -> Sequence[quantd.Event]:
        async with aclosing(feed.stream(quantd.Subscription(()))) as batches:
            return await anext(batches)

    assert len(asyncio.run(first())) == 1
    assert feed.progress().done == feed.progress().total, "a closed file counts as read"


def test_cancelling_while_nothing_wanted_comes(tmp_path: Path) -> None:
    path = write(tmp_path / "t", collected(T), *(collected(T + n, symbol="OTHER") for n in range(20_000)))
    feed = Replay(files=(str(path),), chunk=1)

    async def cancel_after_the_first() -> None:
        started = asyncio.Event()

        async def play() -> None:
            async for _ in feed.stream(quantd.Subscription(("BTCUSDT",))):
                started.set()

        task = asyncio.create_task(play())
        await started.wait()
        task.cancel()
        await task

    with pytest.raises(asyncio.CancelledError):
        asyncio.run(cancel_after_the_first())
    assert feed.progress().done == feed.progress().total


# --- what cannot be read ---


@pytest.mark.parametrize(
    "bad",
    [
        captured(T, frame(2))[:-20],
        captured(T, frame(2, price="abc")),
        captured(T, frame(2, price="-1")),
        captured(T, frame(2, qty="NaN")),
        captured(T, frame(2, price="inf")),
        captured(T, frame(2, qty="inf")),
        captured(T, frame(-2)),
        captured(T, frame(2) | {"T": "soon"}),
        captured(T, frame(2) | {"s": ""}),
        "soon " + captured(T, frame(2)).partition(" ")[2],
    ],
)
def test_bad_captured_lines_are_skipped_and_counted(tmp_path: Path, caplog: pytest.LogCaptureFixture, bad: str) -> None:
    path = write(tmp_path / "c", captured(T, frame(1)), bad, captured(T, frame(3)), bad)
    assert [tick.id for tick in replay(path)] == [1, 3]
    (record,) = caplog.records
    assert record.levelno == logging.WARNING
    assert record.message.startswith(f"{path}: skipped 2 bad lines, the first at {path}:2: ")


@pytest.mark.parametrize(
    "bad",
    [
        '{"symbol":"X","ts":1723161256322,"pri',
        collected("yesterday"),
        collected(-T),
        collected("1e999"),
        collected(T, symbol=""),
        "[1]",
    ],
)
def test_bad_collected_lines_are_skipped_and_doubted(tmp_path: Path, caplog: pytest.LogCaptureFixture, bad: str) -> None:
    """Nothing else tells that a trade is missing: such trades have no ids."""
    one, doubt, two = replay(write(tmp_path / "t", collected(T), bad, bad, collected(T + 5)))
    assert (one.ts, two.ts) == (T, T + 5)
    assert doubt == quantd.Status(T, healthy=False, symbols=("BTCUSDT",))
    assert "skipped 2 bad lines" in caplog.text
    assert ":2: " in caplog.text


@pytest.mark.parametrize("bad", [{"price": "NaN"}, {"price": -1}, {"price": 0}, {"size": None}, {"size": 0}])
def test_a_collected_trade_of_no_price_tells_its_time(tmp_path: Path, caplog: pytest.LogCaptureFixture, bad: dict[str, Any]) -> None:
    _, refused, _ = replay(write(tmp_path / "t", collected(T), collected(T + 3, **bad), collected(T + 5)))
    assert (refused.ts, refused.id) == (T + 3, 0)
    assert not refused.price > 0
    assert ":2: no price or no quantity" in caplog.text


def test_bad_first_line_does_not_hide_the_format(tmp_path: Path) -> None:
    assert len(replay(write(tmp_path / "c", 'USDT","T":17231}}', captured(T, frame(1))))) == 1


def test_missing_file(tmp_path: Path) -> None:
    with pytest.raises(quantd.QuantdError, match=r"cannot open .*gone.csv: No such file or directory: check its name"):
        replay(tmp_path / "gone.csv")


def test_a_folder(tmp_path: Path) -> None:
    with pytest.raises(quantd.QuantdError, match=rf"cannot open {tmp_path}: is a folder: name the files in it"):
        replay(tmp_path)


@pytest.mark.parametrize("content", [b"\x1b[31m,\x01b,c\x00,d\n", b"PAR1\x15\x04,\xff,\x00,\x1b\n"])
def test_bytes_that_are_no_text_are_shown_as_numbers(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "b").write_bytes(content)
    with pytest.raises(quantd.QuantdError, match=f"it is no text: a line begins with the bytes {content[:4].hex(' ')}") as refused:
        replay(tmp_path / "b")
    assert str(refused.value).isprintable()


def test_a_long_cell_is_cut_in_the_log(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    lines = [f"{60_000 * n},{'9' * 5000 + 'x' if n == 2 else 1},1,1,1,1" for n in range(4)]
    replay(write(tmp_path / "X.csv", "ts,open,high,low,close,volume", *lines))
    assert "csv:4: could not convert string to float: '999" in caplog.text
    assert len(caplog.records[0].message) < 700


def test_no_files() -> None:
    with pytest.raises(quantd.QuantdError, match="name the files in `files`"):
        replay()


@pytest.mark.parametrize("text", ["", "hello\n", "date;price\n2024;1\n", "\x00\x01\r\x02"])
def test_unknown_format_names_the_known_ones(tmp_path: Path, text: str) -> None:
    path = tmp_path / "what"
    path.write_text(text)
    with pytest.raises(
        quantd.QuantdError, match=r"what is of no known format: .*frames .* NDJSON .* aggTrades or klines CSV, OHLC .* JSON"
    ):
        replay(path)


@pytest.mark.parametrize("line", [captured(T, {"e": "bookTicker"}), '{"a":1}', captured(T, frame(1))[:-9]])
def test_file_without_a_usable_row(tmp_path: Path, line: str) -> None:
    with pytest.raises(quantd.QuantdError, match="holds no trade and no bar"):
        replay(write(tmp_path / "c", line))


SEEDS = [captured(T, frame(1)), collected(T), "ts,open,high,low,close,volume\n0,1,1,1,1,1\n1000,1,1,1,1,1", DUMP[0]]


@settings(max_examples=150, deadline=None)
@given(start=st.sampled_from(SEEDS), at=st.integers(0, 200), noise=st.binary(max_size=12), pack=st.sampled_from([bytes, gzip.compress]))
def test_any_bytes_give_events_or_a_clear_error(
    tmp_path_factory: pytest.TempPathFactory, start: str, at: int, noise: bytes, pack: type
) -> None:
    path = tmp_path_factory.mktemp("noise") / "X-aggTrades-1"
    text = f"{start}\n{start}\n".encode()
    path.write_bytes(pack(text[:at] + noise + text[at:]))
    try:
        events = replay(path)
    except quantd.QuantdError:
        return
    assert all(0 < getattr(event, "price", 1) < float("inf") for event in events if getattr(event, "qty", 1))


@pytest.mark.parametrize("ts", [0, 900_000_000, 99_999_999_999_999])
def test_a_time_out_of_this_century_is_a_bad_line(tmp_path: Path, ts: int) -> None:
    ticks = write(tmp_path / "t", captured(T, frame(1)), captured(T, frame(2, ts=ts)), captured(T, frame(3)))
    assert [event.id for event in replay(ticks)] == [1, 3]


def test_an_exchange_s_name_of_a_file_of_bars_tells_the_symbol(tmp_path: Path) -> None:
    bars = write(tmp_path / "BTCUSDT-1m.csv", "ts,open,high,low,close,volume", "60000,1,1,1,1,1", "120000,1,1,1,1,1")
    assert {event.symbol for event in replay(bars)} == {"BTCUSDT"}
