"""Each row once, or a named hole."""

import asyncio
import gc
from collections.abc import AsyncIterator
from typing import Any

import pytest

from quantd.client import Hole, Lagged
from tests.waiting import PATIENCE_S, until

from .model import EVERY, SYMBOL, Model, bar, trade, ts


async def take(stream: Any, count: int) -> list[Any]:
    async with asyncio.timeout(PATIENCE_S):
        return [await anext(stream) for _ in range(count)]


async def test_it_begins_with_the_present() -> None:
    model = Model()
    await model.publish(bar(1))
    await model.publish(bar(2))
    async with model.serving() as client:
        stream = client.bars(SYMBOL, EVERY)
        assert await take(stream, 1) == [bar(2)]
        await model.publish(bar(3))
        assert await take(stream, 1) == [bar(3)]
        assert model.pages == 0


async def test_since_a_time_the_record_comes_first_and_joins_what_is_live() -> None:
    model = Model(page=2)
    for second in range(1, 8):
        await model.publish(bar(second))
    async with model.serving() as client:
        stream = client.bars(SYMBOL, EVERY, since=ts(3))
        assert await take(stream, 1) == [bar(3)]
        await model.publish(bar(8))
        assert await take(stream, 5) == [bar(second) for second in range(4, 9)]


async def test_a_stream_that_nobody_reads_is_not_asked_for() -> None:
    model = Model()
    await model.publish(bar(1))
    async with model.serving() as client:
        unread = client.trades("ETHUSDT")
        del unread
        gc.collect()
        assert await take(client.bars(SYMBOL, EVERY), 1) == [bar(1)]
        assert [each["topic"] for each in model.asked] == [model.topic]


async def test_the_daemon_may_be_served_under_a_path() -> None:
    model = Model(page=2)
    for second in range(1, 8):
        await model.publish(bar(second))
    async with model.serving(under="/of/quantd") as client:
        assert await take(client.bars(SYMBOL, EVERY, since=ts(3)), 5) == [bar(second) for second in range(3, 8)]


async def test_since_a_row_what_follows_it() -> None:
    model = Model()
    await model.publish(bar(1))
    await model.publish(bar(2, revision=1), bar(3))
    async with model.serving() as client:
        assert await take(client.bars(SYMBOL, EVERY, since=bar(2)), 2) == [bar(2, revision=1), bar(3)]


async def test_since_a_trade_what_follows_it() -> None:
    model = Model("trade:BTCUSDT")
    await model.publish(*(trade(number) for number in range(1, 9)))
    async with model.serving() as client:
        assert await take(client.trades("btcusdt", since=trade(5)), 3) == [trade(6), trade(7), trade(8)]


async def test_a_cut_within_the_history_is_recovered_without_the_record() -> None:
    model = Model()
    async with model.serving() as client:
        stream = client.bars(SYMBOL, EVERY)
        following = asyncio.create_task(take(stream, 4))
        await until(lambda: model.followers)
        await model.publish(bar(1))
        await model.cut()
        await model.publish(bar(2))
        await model.publish(bar(3), bar(4))
        assert await following == [bar(second) for second in range(1, 5)]
        assert model.pages == 0


async def test_a_restart_is_filled_from_the_record_with_revisions() -> None:
    model = Model()
    async with model.serving() as client:
        stream = client.bars(SYMBOL, EVERY)
        following = asyncio.create_task(take(stream, 2))
        await until(lambda: model.followers)
        await model.publish(bar(1))
        await model.publish(bar(2))
        assert await following == [bar(1), bar(2)]
        await model.restart()
        model.put(bar(1, revision=1))
        await model.publish(bar(3))
        await model.publish(bar(4))
        assert sorted(await take(stream, 3), key=str) == sorted([bar(1, revision=1), bar(3), bar(4)], key=str)


async def test_what_the_record_has_lost_is_a_hole() -> None:
    model = Model()
    async with model.serving() as client:
        stream = client.bars(SYMBOL, EVERY)
        following = asyncio.create_task(take(stream, 1))
        await until(lambda: model.followers)
        await model.publish(bar(1))
        assert await following == [bar(1)]
        await model.restart()
        await model.publish(bar(2))
        await model.publish(bar(5))
        model.prune(ts(5))
        hole, row = await take(stream, 2)
        assert (hole.after, hole.until, row) == (ts(1), ts(5), bar(5))


async def test_a_record_that_begins_later_than_the_stream_is_a_hole() -> None:
    model = Model()
    await model.publish(bar(9))
    async with model.serving() as client:
        hole, row = await take(client.bars(SYMBOL, EVERY, since=ts(3)), 2)
        assert (hole.after, hole.until, row) == (None, ts(9), bar(9))
        assert await take(client.bars(SYMBOL, EVERY, since=ts(8)), 1) == [bar(9)]


async def test_a_record_that_cannot_be_read_is_a_hole() -> None:
    model = Model()
    async with model.serving() as client:
        stream = client.bars(SYMBOL, EVERY)
        following = asyncio.create_task(take(stream, 1))
        await until(lambda: model.followers)
        await model.publish(bar(1))
        assert await following == [bar(1)]
        model.record_refusal = 404
        await model.restart()
        hole = (await take(stream, 1))[0]
        assert isinstance(hole, Hole)
        assert "404 not today" in hole.reason
        await model.publish(bar(3))
        assert await take(stream, 1) == [bar(3)]


async def test_a_busy_record_is_asked_again() -> None:
    model = Model()
    await model.publish(bar(1))
    model.record_refusal = 503
    async with model.serving() as client:
        following = asyncio.create_task(take(client.bars(SYMBOL, EVERY, since=ts(0)), 1))
        await until(lambda: model.pages > 2)
        model.record_refusal = None
        assert await following == [bar(1)]


async def test_a_topic_that_is_not_recorded_names_its_hole() -> None:
    model = Model("log")
    async with model.serving() as client:
        stream = client.log()
        following = asyncio.create_task(take(stream, 1))
        await until(lambda: model.followers)
        await model.restart()
        (hole,) = await following
        assert isinstance(hole, Hole)
        assert hole.topic == "log"


async def test_a_program_that_is_too_slow_is_told_and_gets_every_row() -> None:
    model = Model()
    async with model.serving(most_rows=3) as client:
        stream = client.bars(SYMBOL, EVERY)
        following = asyncio.create_task(take(stream, 1))
        await until(lambda: model.followers)
        for second in range(1, 10):
            await model.publish(bar(second))
        assert await following == [bar(1)]
        await until(lambda: stream._subscription.dropped >= 5)
        items = [item async for item in upto(stream, bar(9))]
        assert [item for item in items if not isinstance(item, Lagged)] == [bar(second) for second in range(2, 10)]
        assert [item for item in items if isinstance(item, Lagged)]


async def upto(stream: Any, last: Any) -> AsyncIterator[Any]:
    """What comes, up to this item."""
    async with asyncio.timeout(PATIENCE_S):
        async for item in stream:
            yield item
            if item == last:
                return


async def test_frames_that_the_daemon_left_out_are_asked_for_again() -> None:
    model = Model()
    async with model.serving() as client:
        stream = client.bars(SYMBOL, EVERY)
        following = asyncio.create_task(take(stream, 2))
        await until(lambda: model.followers)
        await model.publish(bar(1))
        await model.lag(bar(2))
        assert await following == [bar(1), bar(2)]
        assert model.asked[-1]["since"] == {"epoch": model.epoch, "seq": 1}


async def test_a_bookmark_goes_on_behind_the_last_row_that_was_taken() -> None:
    model = Model()
    async with model.serving() as client:
        stream = client.bars(SYMBOL, EVERY)
        following = asyncio.create_task(take(stream, 2))
        await until(lambda: model.followers)
        await model.publish(bar(1))
        await model.publish(bar(2), bar(3), bar(4))
        assert await following == [bar(1), bar(2)]
        bookmark = stream.bookmark
        await stream.aclose()
        pages = model.pages
        assert await take(client.bars(SYMBOL, EVERY, since=bookmark), 2) == [bar(3), bar(4)]
        assert model.pages == pages
        await model.restart()
        model.put(bar(1, revision=1))
        again = await take(client.bars(SYMBOL, EVERY, since=bookmark), 3)
        assert again == [bar(1, revision=1), bar(3), bar(4)]


async def test_a_bookmark_within_a_snapshot_leaves_out_nothing_of_the_next_frame() -> None:
    model = Model()
    await model.publish(bar(1))
    async with model.serving() as client:
        stream = client.bars(SYMBOL, EVERY)
        assert await take(stream, 1) == [bar(1)]
        bookmark = stream.bookmark
        await stream.aclose()
        await model.publish(bar(2), bar(3))
        assert await take(client.bars(SYMBOL, EVERY, since=bookmark), 2) == [bar(2), bar(3)]


async def test_the_bookmark_of_another_topic_is_refused() -> None:
    model = Model()
    async with model.serving() as client:
        bookmark = client.bars(SYMBOL, EVERY).bookmark
        with pytest.raises(ValueError, match="the bookmark is of bar:BTCUSDT:1s"):
            client.bars(SYMBOL, "1m", since=bookmark)
        with pytest.raises(ValueError, match="no bookmark"):
            client.bars(SYMBOL, EVERY, since=bookmark[:20])
        with pytest.raises(ValueError, match="not recorded"):
            client.alerts(since=ts(1))


async def test_a_call_that_is_cancelled_loses_nothing() -> None:
    model = Model(page=1)
    for second in range(1, 6):
        await model.publish(bar(second))
    async with model.serving() as client:
        stream = client.bars(SYMBOL, EVERY, since=ts(0))
        got: list[Any] = []
        while len(got) < 5:
            following = asyncio.ensure_future(anext(stream))
            pages = model.pages
            await until(lambda: following.done() or model.pages > pages)  # noqa: B023 -- judged before the next turn
            if not following.cancel():
                got.append(following.result())
            await asyncio.wait([following])
        assert got == [bar(second) for second in range(1, 6)]


async def test_one_topic_twice_are_two_streams() -> None:
    model = Model()
    await model.publish(bar(1))
    async with model.serving() as client:
        streams = [client.bars(SYMBOL, EVERY, since=ts(0)) for _ in range(2)]
        assert [await take(stream, 1) for stream in streams] == [[bar(1)], [bar(1)]]
        await streams[0].aclose()
        await model.publish(bar(2))
        assert await take(streams[1], 1) == [bar(2)]


async def test_a_stream_that_nobody_has_any_more_is_given_up() -> None:
    model = Model()
    async with model.serving() as client:
        await model.publish(bar(1))
        async for item in client.bars(SYMBOL, EVERY, since=ts(0)):
            assert item == bar(1)
            break
        await until(lambda: model.asked[-1]["action"] == "unsubscribe")


async def test_of_a_state_only_the_newest_waits() -> None:
    model = Model("quality")
    async with model.serving() as client:
        stream = client.quality()
        following = asyncio.create_task(take(stream, 1))
        await until(lambda: model.followers)
        for number in range(5):
            await model.publish(quality(number))
        first = await following
        await model.restart()
        await until(lambda: model.followers)
        await model.publish(quality(9))
        assert first[0].ticks <= 4
        while (item := (await take(stream, 1))[0]).ticks != 9:
            assert not isinstance(item, Hole | Lagged)


def quality(ticks: int) -> Any:
    from quantd.client import QualityRow

    return QualityRow("BTCUSDT", "live", 1, None, ticks, 0, 0, 0, 0, 0, 0, None, None, [], [])


async def test_old_firings_are_not_told_again() -> None:
    model = Model("alert")
    await model.publish(alert("old"))
    async with model.serving() as client:
        stream = client.alerts()
        following = asyncio.create_task(take(stream, 1))
        await until(lambda: model.followers)
        await model.publish(alert("new"))
        assert await following == [alert("new")]
        await model.restart()
        await model.publish(alert("new"), alert("newer"))
        hole, row = await take(stream, 2)
        assert isinstance(hole, Hole)
        assert row == alert("newer")


def alert(name: str) -> Any:
    from quantd.client import AlertRow

    return AlertRow(name, "rule", "high", "A-B", "firing", "zscore", 1.0, 2.0, ts(0), ts(1), None, "text")
