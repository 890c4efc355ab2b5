"""The client without asyncio."""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from quantd.client import Hole, Refused, sync
from quantd.client.client import Client
from quantd.client.connection import Address
from tests.waiting import PATIENCE_S

from .model import EVERY, SYMBOL, Model, bar, ts


@contextmanager
def served(model: Model) -> Iterator[tuple[sync.Client, asyncio.AbstractEventLoop]]:
    """A client of a model that another thread serves, and the loop of that."""
    url: list[str] = []
    up, done = threading.Event(), asyncio.Event()
    loop = asyncio.new_event_loop()

    async def serve() -> None:
        async with model.serving() as client:
            url.append(client.address.url)
            up.set()
            await done.wait()

    thread = threading.Thread(target=loop.run_until_complete, args=(serve(),))
    thread.start()
    up.wait(PATIENCE_S)
    with sync.Client(Client(Address(url[0], shortest_wait_s=0.001, longest_wait_s=0.01))) as client:
        yield client, loop
    loop.call_soon_threadsafe(done.set)
    thread.join()
    loop.close()


def test_it_yields_what_the_other_one_yields() -> None:
    model = Model()
    for second in range(1, 6):
        model.put(bar(second))
    with served(model) as (client, loop):
        stream = client.bars(SYMBOL, EVERY, since=ts(2))
        assert [next(stream) for _ in range(4)] == [bar(second) for second in range(2, 6)]
        asyncio.run_coroutine_threadsafe(model.publish(bar(6)), loop).result(PATIENCE_S)
        assert next(stream) == bar(6)
        model.put(bar(7))
        asyncio.run_coroutine_threadsafe(model.restart(), loop).result(PATIENCE_S)
        assert next(stream) == bar(7)
        assert list(client.recorded_bars(SYMBOL, EVERY, since=ts(4))) == [bar(second) for second in range(4, 8)]
        bookmark = stream.bookmark
        stream.close()
        model.put(bar(8))
        assert next(client.bars(SYMBOL, EVERY, since=bookmark)) == bar(8)


def test_errors_are_raised() -> None:
    model = Model()
    model.topic = ""
    with served(model) as (client, _), pytest.raises(Refused):
        next(client.bars(SYMBOL, EVERY))


def test_every_name_of_the_one_is_a_name_of_the_other() -> None:
    assert {name for name in dir(Client) if not name.startswith("_")} <= {name for name in dir(sync.Client) if not name.startswith("_")}


def test_a_hole_is_an_item() -> None:
    model = Model("log")
    with served(model) as (client, loop):
        stream = client.log()
        restarted = asyncio.run_coroutine_threadsafe(_restart_once_followed(model), loop)
        assert isinstance(next(stream), Hole)
        restarted.result(PATIENCE_S)


async def _restart_once_followed(model: Model) -> None:
    while not model.followers:  # noqa: ASYNC110 -- what is waited for tells nobody
        await asyncio.sleep(0.005)
    await model.restart()
