"""Latest prices, raw trades, funding and continuous candles, without HTTP."""

import json
from collections import Counter
from typing import Any

import pytest

from quantd.simulator.exchange import Exchange
from quantd.simulator.kline_rest import KlineRest
from quantd.simulator.listing import Listing
from quantd.simulator.marks import FUNDING_MS
from quantd.simulator.price_rest import PriceRest
from quantd.simulator.query import Query, RestError
from quantd.simulator.raw import raw_trades
from quantd.simulator.trades import Trade

from .support import EPOCH, ManualClock, exchange

BTC = "BTCUSDT"


@pytest.fixture(scope="module")
def served() -> Exchange:
    clock = ManualClock()
    made = exchange(clock)
    clock.now += 60_000
    for listing in made.listings.values():
        listing.advance(clock.now)
    return made


async def asked(served: Exchange, path: str, **query: object) -> Any:
    def listing(query: Query, name: str = "symbol") -> Listing:
        return served.listings[query.text(name)]

    endpoints = PriceRest(served, listing).endpoints() | KlineRest(listing).endpoints()
    return json.loads(await endpoints[path][0](Query({key: str(value) for key, value in query.items()})))


async def test_the_latest_price_is_that_of_the_last_trade(served: Exchange) -> None:
    rows = await asked(served, "ticker/price")
    assert [row["symbol"] for row in rows] == list(served.listings)
    for row, listing in zip(rows, served.listings.values(), strict=True):
        [last] = listing.newest(None, 1)
        assert row["price"] == listing.wire.price.text(last.p)
    assert await asked(served, "ticker/price", symbol=BTC) == rows[0]


async def test_raw_trades_add_up_to_the_aggregates(served: Exchange) -> None:
    listing = served.listings[BTC]
    rows = await asked(served, "trades", symbol=BTC, limit=1000)
    assert list(rows[0]) == ["id", "price", "qty", "quoteQty", "time", "isBuyerMaker", "isRPITrade"]
    assert len(rows) == 1000
    ids = [row["id"] for row in rows]
    assert ids == sorted(set(ids))
    assert any(row["isRPITrade"] for row in rows)
    whole, normal = Counter[int](), Counter[int]()
    trades = [trade for trade in listing.newest(None, 1000) if trade.f >= ids[0]]
    owner = {raw: trade.a for trade in trades for raw in range(trade.f, trade.l + 1)}
    for row in (row for row in rows if row["id"] in owner):
        steps = round(float(row["qty"]) * 1000)
        assert steps > 0
        whole[owner[row["id"]]] += steps
        normal[owner[row["id"]]] += 0 if row["isRPITrade"] else steps
    assert [whole[trade.a] for trade in trades] == [trade.q for trade in trades]
    assert all(normal[trade.a] == trade.nq for trade in trades if trade.l > trade.f)


@pytest.mark.parametrize(
    ("trade", "quantities"),
    [
        (Trade(1, 5, 9, 9, 10, 12, 0, True), [(3, False), (3, False), (3, False)]),
        (Trade(1, 5, 9, 4, 10, 12, 0, True), [(2, False), (2, False), (5, True)]),
        (Trade(1, 5, 9, 0, 10, 10, 0, True), [(9, True)]),
        (Trade(1, 5, 9, 4, 10, 10, 0, True), [(9, False)]),
        (Trade(1, 5, 2, 2, 10, 14, 0, True), [(1, False), (1, False)]),
    ],
)
def test_an_aggregate_is_taken_apart(trade: Trade, quantities: list[tuple[int, bool]]) -> None:
    raws = raw_trades(trade)
    assert [(raw.quantity, raw.rpi) for raw in raws] == quantities
    assert [raw.id for raw in raws] == list(range(10, 10 + len(raws)))


async def test_funding_is_paid_three_times_a_day(served: Exchange) -> None:
    rows = await asked(served, "fundingRate", symbol=BTC)
    times = [row["fundingTime"] for row in rows]
    assert times == list(range(times[0], times[0] + len(times) * FUNDING_MS, FUNDING_MS))
    assert times[0] >= served.listings[BTC].onboarded > times[0] - FUNDING_MS
    assert times[-1] <= EPOCH + 60_000 < times[-1] + FUNDING_MS
    mark = served.listings[BTC].marks.at(times[-1])
    assert round(float(rows[-1]["markPrice"]) * 1e8) == mark.mark_price
    assert await asked(served, "fundingRate", symbol=BTC, limit=2) == rows[-2:]
    assert await asked(served, "fundingRate", symbol=BTC, startTime=times[1], limit=2) == rows[1:3]
    assert await asked(served, "fundingRate", symbol=BTC, startTime=times[1], endTime=times[1]) == rows[1:2]
    assert await asked(served, "fundingRate", symbol=BTC, endTime=times[-1] - 1, limit=1) == rows[-2:-1]
    everyone = await asked(served, "fundingRate", limit=7)
    assert [row["symbol"] for row in everyone][-6:] == list(served.listings)


async def test_continuous_candles_are_those_of_the_only_contract(served: Exchange) -> None:
    query = {"interval": "5m", "limit": 3}
    assert await asked(served, "continuousKlines", pair=BTC, contractType="PERPETUAL", **query) == await asked(
        served, "klines", symbol=BTC, **query
    )
    assert await asked(served, "continuousKlines", pair=BTC, contractType="NEXT_QUARTER", **query) == []
    with pytest.raises(RestError, match="contract"):
        await asked(served, "continuousKlines", pair=BTC, contractType="WEEKLY", **query)
