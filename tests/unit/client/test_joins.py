"""Whatever is cut, restarted, forgotten, dropped or made anew: each row of the record once, or a named hole."""

import asyncio
from functools import partial
from typing import Any

from hypothesis import example, given, settings
from hypothesis import strategies as st

from quantd.client import BarRow, Hole, Lagged
from quantd.client.frames import Position
from quantd.client.stream import Stream
from quantd.client.subscription import Subscription
from tests.waiting import PATIENCE_S, until

from .model import EVERY, SYMBOL, Model, bar, ts

FIRST = 3
"""The number of rows before the client comes."""

publish = st.tuples(st.just("publish"), st.integers(1, 4))
revise = st.tuples(st.just("revise"), st.integers(0, 5))
"""Issue a row again, that many rows before the newest."""
unheard = st.tuples(st.just("unheard"), st.integers(1, 3))
"""Rows that get into the record while the daemon does not tell of them, as between two runs."""
mended = st.tuples(st.just("mended"), st.integers(0, 8))
"""A row that is made anew between two runs."""
heard = st.tuples(st.just("heard"), st.just(0))
"""The client's connection takes all that was sent, while the program takes nothing."""
cut = st.tuples(st.sampled_from(["cut", "restart", "lag"]), st.just(0))
forget = st.tuples(st.just("forget"), st.integers(1, 6))
take = st.tuples(st.just("take"), st.integers(1, 5))
resume = st.tuples(st.just("resume"), st.just(0))
steps = st.lists(st.one_of(publish, heard, revise, unheard, mended, cut, forget, take, resume), max_size=25)


class Walk:
    """A daemon, a client, and what the client got."""

    def __init__(self, model: Model) -> None:
        self.model = model
        self.got: list[Any] = []
        self.newest = FIRST
        self.revisions: dict[int, int] = {}

    async def step(self, action: str, count: int) -> None:
        model = self.model
        match action:
            case "publish":
                await model.publish(*self.next_rows(count))
            case "revise" if self.newest - count > 0:
                await model.publish(self.revised(self.newest - count))
            case "unheard":
                for row in self.next_rows(count):
                    model.put(row)
                await model.restart()
            case "mended" if self.newest - count > 0:
                model.put(self.revised(self.newest - count))
                await model.restart()
            case "cut":
                await model.cut()
            case "restart":
                await model.restart()
            case "lag":
                await model.lag(*self.next_rows(1))
            case "forget":
                model.forget(count)

    def next_rows(self, count: int) -> list[BarRow]:
        self.newest += count
        return [bar(second) for second in range(self.newest - count + 1, self.newest + 1)]

    def revised(self, second: int) -> BarRow:
        self.revisions[second] = self.revisions.get(second, 0) + 1
        return bar(second, self.revisions[second])

    async def take(self, stream: Stream[BarRow], count: int) -> None:
        """Take what is there, up to so many rows, without waiting for what may not come."""
        for _ in range(count):
            try:
                async with asyncio.timeout(0.005):
                    self.got.append(await anext(stream))
            except TimeoutError:
                return


def has_heard(subscription: Subscription, model: Model) -> bool:
    """Whether the client's connection has taken all that was sent to it."""
    position = subscription.position
    return not model.followers or bool(subscription.dropped) or (position is not None and position.seq >= model.seq)


async def walk(chosen: list[tuple[str, int]], most_rows: int) -> Walk:
    model = Model(page=3)
    went = Walk(model)
    await model.publish(*(bar(second) for second in range(1, FIRST + 1)))
    async with model.serving(most_rows=most_rows) as client, asyncio.timeout(PATIENCE_S):
        stream = client.bars(SYMBOL, EVERY, since=ts(0))
        for action, count in chosen:
            if action == "take":
                await went.take(stream, count)
            elif action == "heard":
                await until(partial(has_heard, stream._subscription, model))
            elif action == "resume":
                bookmark = stream.bookmark
                await stream.aclose()
                stream = client.bars(SYMBOL, EVERY, since=bookmark)
            else:
                await went.step(action, count)
        await model.publish(last := went.next_rows(1)[0])
        while not went.got or went.got[-1] != last:
            went.got.append(await anext(stream))
        while not is_at_rest(stream, model):  # the last row may have come out of the record, with more behind it
            await went.take(stream, 100)
    return went


def is_at_rest(stream: Stream[BarRow], model: Model) -> bool:
    """Whether nothing more can come."""
    subscription = stream._subscription
    waits = stream._reader or subscription.dropped or subscription._queue or subscription.is_cut
    return not waits and subscription.position == Position(model.epoch, model.seq)


FLOOD = [("take", 4), ("publish", 1), ("heard", 0), ("publish", 3), ("heard", 0), ("publish", 3), ("heard", 0)]
"""More than the program takes."""


@example(FLOOD, 2)
@settings(max_examples=60, deadline=None)
@given(steps, st.integers(1, 12))
def test_each_row_of_the_record_comes_once(chosen: list[tuple[str, int]], most_rows: int) -> None:
    went = asyncio.run(walk(chosen, most_rows))
    rows = [(item.ts, item.revision) for item in went.got if not isinstance(item, Hole | Lagged)]
    assert len(rows) == len(set(rows)), "a row came twice"
    assert {(row.ts, row.revision) for row in went.model.record.values()} <= set(rows), "a row is missing"
    assert not [item for item in went.got if isinstance(item, Hole)], "nothing was lost"
