"""What is recorded is what was received, and the replay feed reads it, however the recorder ended."""

import asyncio
import gzip
import logging
import os
import random
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

import quantd
from quantd.clock import EventClock
from quantd_plugins.feeds.binance.recorder import HOUR, Files, Recorder, Shape
from quantd_plugins.feeds.replay import Replay
from tests.plugins.feeds.binance_exchange import NOW, Exchange, running, streaming, trade

KILLED = """
import sys; from pathlib import Path; from quantd.clock import SystemClock
from quantd_plugins.feeds.binance import recorder
recorder.FLUSH_S = 0.01
writing = recorder.Recorder(recorder.Shape(Path(sys.argv[1]), 1 << 20, 1 << 30), SystemClock()); writing.start()
number = 0
while True:
    number += 1
    frame = b'{"data":{"e":"aggTrade","E":1795489443996,"s":"A","a":%d,"p":"1","q":"1","T":1795489443990,"m":true}}'
    writing.add(1795489443996, frame % number)
    if number % 1000 == 0: print(number, flush=True); sys.stdin.readline()
"""


@pytest.fixture
async def exchange() -> AsyncIterator[Exchange]:
    async with running() as exchange:
        yield exchange


def replayed(directory: Path) -> list[quantd.Event]:
    async def play() -> list[quantd.Event]:
        feed = Replay(files=tuple(map(str, paths)))
        return [event async for batch in feed.stream(quantd.Subscription(())) for event in batch]

    paths = sorted(directory.iterdir())
    return asyncio.run(play())


def ids(directory: Path) -> list[int]:
    return [event.id for event in replayed(directory) if isinstance(event, quantd.Tick)]


def frame(number: int) -> bytes:
    padding = random.Random(number).randbytes(50).hex()
    return b'{"data":{"e":"aggTrade","E":%d,"s":"A","a":%d,"p":"1.5","q":"2","T":%d,"m":true,"x":"%s"}}' % (
        NOW,
        number,
        NOW,
        padding.encode(),
    )


def lines(*numbers: int) -> bytes:
    return b"".join(b"%d %b\n" % (NOW * 1_000_000, frame(number)) for number in numbers)


@pytest.mark.parametrize("named", [True, False])
async def test_a_replay_brings_what_the_stream_brought(exchange: Exchange, tmp_path: Path, named: bool) -> None:
    directory = tmp_path / "raw" / "live"
    wanted = {} if named else {"directory": directory}
    brought = []
    async with streaming(
        exchange.feed(record="raw", record_dir=str(directory) if named else None), "BTCUSDT", "ETHUSDT", **wanted
    ) as events:
        peer = await exchange.peer()
        await peer.confirm()
        await peer.ws.send_str('{"junk":\n"over two lines"}')
        for number in range(1, 300):
            await peer.send(trade(number, "BTCUSDT" if number % 3 else "ETHUSDT", p=f"{100 + number / 7:.2f}"))
        brought += [await events.next(quantd.Tick) for _ in range(299)]
        await peer.ws.close()
        peer = await exchange.peer()
        await peer.confirm()
        await peer.send(trade(400), trade(400, "币安人生USDT"))
        brought += [await events.next(quantd.Tick) for _ in range(2)]
    assert await asyncio.to_thread(replayed, directory) == brought
    assert directory.stat().st_mode & 0o777 == 0o700


async def test_a_record_without_a_place_is_refused(exchange: Exchange) -> None:
    with pytest.raises(quantd.QuantdError, match="name one in `record_dir`"):
        await anext(exchange.feed(record="raw").stream(quantd.Subscription(("A",))))


def test_a_new_file_begins_each_hour_and_when_one_is_full(tmp_path: Path) -> None:
    files = Files(Shape(tmp_path, 4096, 1 << 20))
    for number in range(1, 101):
        files.write(lines(number), NOW + number * HOUR // 50)
    files.close()
    assert len(list(tmp_path.iterdir())) >= 5
    assert all(path.stat().st_size <= 4096 for path in tmp_path.iterdir())
    assert ids(tmp_path) == list(range(1, 101))


def test_the_oldest_are_deleted(tmp_path: Path) -> None:
    files = Files(Shape(tmp_path, 2000, 10_000))
    for number in range(1, 501):
        files.write(lines(number), NOW)  # of one moment: names stay apart all the same
        assert sum(path.stat().st_size for path in tmp_path.iterdir()) <= 10_000
    files.close()
    found = ids(tmp_path)
    assert found == list(range(found[0], 501))
    assert 30 < len(found) < 500


@pytest.mark.parametrize("cut", [1, 5, 12, 60, 250])
def test_a_torn_end_costs_the_last_flush_only(tmp_path: Path, cut: int, caplog: pytest.LogCaptureFixture) -> None:
    files = Files(Shape(tmp_path, 1 << 20, 1 << 20))
    for number in (1, 4, 7):
        files.write(lines(number, number + 1, number + 2), NOW)
    files.close()
    [path] = tmp_path.iterdir()
    os.truncate(path, path.stat().st_size - cut)
    found = ids(tmp_path)
    assert found[:6] == [1, 2, 3, 4, 5, 6]
    assert "is damaged and was read as far as it goes" in caplog.text


@pytest.mark.parametrize("beginning", [gzip.compress(b"")[:7], lines(1)[:0]], ids=["head", "empty"])
def test_a_file_torn_at_its_beginning_does_not_keep_the_others_from_being_read(tmp_path: Path, beginning: bytes) -> None:
    files = Files(Shape(tmp_path, 1 << 20, 1 << 20))
    files.write(lines(1), NOW)
    files.close()
    (tmp_path / "99991231T000000000Z.frames.gz").write_bytes(beginning)
    assert ids(tmp_path) == [1]


def test_a_killed_process_leaves_what_it_flushed(tmp_path: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", KILLED, tmp_path], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        while not any(path.stat().st_size > 10_000 for path in tmp_path.iterdir()):
            process.stdout.readline()
            process.stdin.write("\n")
            process.stdin.flush()
        process.send_signal(signal.SIGKILL)
    found = ids(tmp_path)
    assert found == list(range(1, len(found) + 1))
    assert len(found) >= 1000


def test_a_disk_that_takes_nothing_is_told_of_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    place = tmp_path / "raw"
    place.write_text("in the way")
    recorder = Recorder(Shape(place, 1 << 20, 1 << 20), EventClock(NOW))
    with caplog.at_level(logging.ERROR):
        for number in (1, 2):
            recorder.add(NOW, frame(number))
            recorder.flush()
    assert recorder.lost == 2
    assert [record.getMessage().split(":")[1] for record in caplog.records] == [" cannot record frames"]
    place.unlink()
    recorder.start()
    recorder.add(NOW, frame(3))
    recorder.stop()
    assert ids(place) == [3]


def test_what_waits_for_the_disk_is_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("quantd_plugins.feeds.binance.recorder.MOST_WAITING", 1000)
    recorder = Recorder(Shape(tmp_path, 1 << 20, 1 << 20), EventClock(NOW))
    for number in range(100):
        recorder.add(NOW, frame(number))
    assert 80 < recorder.lost < 99
    recorder.flush()
    lost = recorder.lost
    recorder.add(NOW, frame(100))
    assert recorder.lost == lost
