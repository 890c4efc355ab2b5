"""Who leads, over HTTP."""

import numpy as np

from quantd.clock import EventClock
from quantd.model import Tick
from quantd.testing.fakes import START
from quantd.testing.services import FakeServices
from quantd.timeframes import DAY
from tests.api.conftest import Ask


def put(services: FakeServices, symbol: str, lead_ms: int) -> None:
    chance = np.random.default_rng(1)
    prices = 100.0 * np.exp(1e-3 * chance.normal(size=600).cumsum())
    for number, price in enumerate(prices.tolist(), 1):
        ts = START - 600_000 + number * 1000 + lead_ms
        services.market.push([Tick(symbol, number, ts, ts, price, 1.0, False)])


async def test_the_leader_is_named(ask: Ask, services: FakeServices) -> None:
    put(services, "BTCUSDT", 0)
    put(services, "ETHUSDT", -3_000)
    status, found = await ask("/analytics/lead-lag?pair=btcusdt-ethusdt&seconds=800&max_lag=5&step=1")
    assert status == 200
    assert (found["lag"], found["leader"], found["reason"]) == (3.0, "ETHUSDT", None)
    assert (found["y_ticks"], found["x_ticks"], len(found["curve"])) == (600, 600, 11)


async def test_the_last_seconds_are_those_of_the_ticks(ask: Ask, services: FakeServices) -> None:
    """Whatever the host's clock says, and however long one of the legs has been silent."""
    services.status.clock = EventClock(START + 365 * DAY)
    put(services, "BTCUSDT", 0)
    put(services, "ETHUSDT", -500_000)
    _, found = await ask("/analytics/lead-lag?pair=BTCUSDT-ETHUSDT&seconds=60")
    assert (found["y_ticks"], found["x_ticks"]) == (561, 61)


async def test_without_ticks_there_is_a_reason(ask: Ask) -> None:
    status, found = await ask("/analytics/lead-lag?pair=BTCUSDT-ETHUSDT")
    assert (status, found["correlation"], found["reason"], found["curve"]) == (200, None, "few ticks", [])


async def test_what_is_refused(ask: Ask) -> None:
    assert (await ask("/analytics/lead-lag?pair=nonsense"))[0] == 404
    assert (await ask("/analytics/lead-lag?pair=BTCUSDT-NOPE"))[0] == 400
    assert (await ask("/analytics/lead-lag?pair=BTCUSDT-ETHUSDT&step=0.001"))[0] == 400
    assert (await ask("/analytics/lead-lag?pair=BTCUSDT-ETHUSDT&step=0"))[0] == 422
