"""Events between connections and flow: each once, in order, and never too many."""

import asyncio

from hypothesis import given
from hypothesis import strategies as st

import quantd
from quantd.net.queue import BoundedQueue


async def write(queue: BoundedQueue[quantd.Event], writer: int, count: int, together: int) -> None:
    """One by one, or some together and then none before there is room."""
    for first in range(0, count, together):
        events = [quantd.Status(number, healthy=bool(writer)) for number in range(first, min(count, first + together))]
        if together == 1:
            await queue.put(events[0])
            continue
        queue.add(events)
        if queue.full():
            room = asyncio.Event()
            queue.when_emptied(room.set)
            await room.wait()
        await asyncio.sleep(0)


@given(st.integers(1, 5), st.tuples(st.integers(0, 30), st.integers(0, 30)), st.integers(1, 7), st.integers(1, 7))
def test_each_event_comes_once_in_its_order_and_few_too_many_wait(most: int, counts: tuple[int, int], first: int, second: int) -> None:
    async def run() -> list[quantd.Event]:
        queue, read = BoundedQueue[quantd.Event](most), list[quantd.Event]()
        writers = [asyncio.create_task(write(queue, which, counts[which], each)) for which, each in enumerate((first, second))]
        while len(read) < sum(counts):
            batch = await queue.take()
            assert 0 < len(batch) <= most + (first if first > 1 else 0) + (second if second > 1 else 0)
            read += batch
        await asyncio.gather(*writers)
        return read

    read = asyncio.run(run())
    for which, count in enumerate(counts):
        assert [event.ts for event in read if isinstance(event, quantd.Status) and event.healthy == bool(which)] == list(range(count))


async def test_who_gives_up_waiting_takes_nothing_along() -> None:
    queue = BoundedQueue[quantd.Event](1)
    reader = asyncio.create_task(queue.take())
    await asyncio.sleep(0)
    reader.cancel()
    queue.add([quantd.Status(1, healthy=True)])
    writer = asyncio.create_task(queue.put(quantd.Status(2, healthy=True)))
    await asyncio.sleep(0)
    writer.cancel()
    await asyncio.wait([reader, writer])
    assert await queue.take() == [quantd.Status(1, healthy=True)]
    assert not queue.full()


async def test_nothing_is_brought_while_there_is_nothing() -> None:
    queue = BoundedQueue[quantd.Event](1)
    queue.add([])
    reader = asyncio.create_task(queue.take())
    await asyncio.sleep(0)
    assert not reader.done()
    queue.add([quantd.Status(1, healthy=True)])
    assert await reader == [quantd.Status(1, healthy=True)]
