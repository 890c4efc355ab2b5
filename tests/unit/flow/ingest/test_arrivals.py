"""While a symbol waits for its past, listeners hear of valid and new trades only, and of each once."""

import asyncio
import math
from functools import partial

from quantd.flow.ingest.arrivals import Arrivals
from quantd.model import Tick
from quantd.testing import fakes

tick = partial(fakes.tick, "X", start=5)


def wait(arrivals: Arrivals, *ticks: Tick) -> list[Tick]:
    arrivals.fresh += ticks
    return list(arrivals.queue())


def test_what_is_no_trade_and_what_has_come_before_is_not_told() -> None:
    arrivals = Arrivals("X")
    assert wait(arrivals, tick(7), tick(8), tick(8), tick(7)) == [tick(7), tick(8)]
    assert wait(arrivals, tick(8), tick(9, price=-1.0), tick(10, price=math.nan), tick(11)) == [tick(11)]
    assert wait(arrivals, tick(10)) == [tick(10)], "it was missing"
    assert wait(arrivals) == []


def test_all_waits_as_it_came_for_the_intake_counts_it() -> None:
    arrivals = Arrivals("X")
    came = [tick(7), tick(7), tick(8, price=-1.0)]
    wait(arrivals, *came)
    assert arrivals.waiting == came
    assert arrivals.release() == came
    assert (arrivals.waiting, arrivals.fresh) == ([], [])


async def test_who_waits_for_the_past_goes_on_when_it_is_there() -> None:
    arrivals = Arrivals("X")
    await arrivals.released()
    arrivals.start_queueing()
    assert not arrivals.ready
    waiting = asyncio.create_task(arrivals.released())
    await asyncio.sleep(0)
    assert not waiting.done()
    arrivals.release()
    await waiting
    assert arrivals.ready


def test_trades_without_an_id_are_all_told() -> None:
    arrivals = Arrivals("X")
    assert [each.id for each in wait(arrivals, tick(0), tick(0))] == [5_000, 5_001]
