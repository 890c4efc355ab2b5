"""Events between connections and flow: each once, in order, and never too many."""

import asyncio

from hypothesis import given
from hypothesis import strategies as st

import quantd
from quantd_plugins.feeds.binance.inbox import Inbox


async def write(inbox: Inbox, writer: int, count: int, pause_every: int) -> None:
    for number in range(count):
        event = quantd.Status(number, healthy=bool(writer))
        if inbox.full():
            await inbox.put(event)
        else:
            inbox.put_nowait(event)
        if not number % pause_every:
            await asyncio.sleep(0)


@given(st.integers(1, 5), st.tuples(st.integers(0, 30), st.integers(0, 30)), st.integers(1, 7), st.integers(1, 7))
def test_each_event_comes_once_in_its_order_and_at_most_so_many_wait(most: int, counts: tuple[int, int], first: int, second: int) -> None:
    async def run() -> list[quantd.Event]:
        inbox, read = Inbox(most), list[quantd.Event]()
        writers = [asyncio.create_task(write(inbox, which, counts[which], pause)) for which, pause in enumerate((first, second))]
        while len(read) < sum(counts):
            batch = await inbox.take()
            assert 0 < len(batch) <= most
            read += batch
        await asyncio.gather(*writers)
        return read

    read = asyncio.run(run())
    for which, count in enumerate(counts):
        assert [event.ts for event in read if isinstance(event, quantd.Status) and event.healthy == bool(which)] == list(range(count))


async def test_who_gives_up_waiting_takes_nothing_along() -> None:
    inbox = Inbox(1)
    reader = asyncio.create_task(inbox.take())
    await asyncio.sleep(0)
    reader.cancel()
    inbox.put_nowait(quantd.Status(1, healthy=True))
    writer = asyncio.create_task(inbox.put(quantd.Status(2, healthy=True)))
    await asyncio.sleep(0)
    writer.cancel()
    await asyncio.wait([reader, writer])
    assert await inbox.take() == [quantd.Status(1, healthy=True)]
    assert not inbox.full()
