"""A symbol that is traded in sessions: in all that is told of it, and without a hole in its ids."""

import json
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quantd.simulator.exchange import Exchange
from quantd.simulator.info import contract_info, exchange_info
from quantd.simulator.market import Market
from quantd.simulator.scenario import ScenarioError, parse
from quantd.simulator.sessions import trading_schedule
from quantd.simulator.trades import Tape

from .support import EPOCH, HOUR_MS, ManualClock

MINUTE_MS = 60_000
DAY_MS = 24 * HOUR_MS
SHARE = "{level: 180, tick: 0.01, step: 0.01, rate: %s, sessions: {market: %s, open: %s, closed: %s}}"
OPENED = EPOCH // HOUR_MS * HOUR_MS


def share(rate: float = 2, market: str = "EQUITY", opened: str = "40m", closed: str = "20m") -> str:
    return SHARE % (rate, market, opened, closed)


def served(now: int = EPOCH, rate: float = 2, closed: str = "20m") -> tuple[Exchange, ManualClock]:
    clock = ManualClock(now)
    text = f"symbols: {{SHAREUSDT: {share(rate, closed=closed)}, BTCUSDT: {{level: 9, tick: 0.1, step: 1, rate: 2}}}}\nquirks: {{late: 0}}"
    return Exchange(parse(text), 1, clock), clock


def schedule(of: Exchange) -> list[dict[str, Any]]:
    body = json.loads(trading_schedule((each.sessions for each in of.listings.values()), of.clock.now_ms()))
    assert body["updateTime"] == of.clock.now_ms()
    assert list(body["marketSchedules"]) == ["EQUITY"]
    sessions: list[dict[str, Any]] = body["marketSchedules"]["EQUITY"]["sessions"]
    return sessions


@pytest.mark.parametrize("closed", ["20m", "60m", "110m"])
def test_the_schedule_is_whole_from_yesterday_to_the_next_week(closed: str) -> None:
    sessions = schedule(served(closed=closed)[0])
    assert all(before["endTime"] == after["startTime"] for before, after in pairwise(sessions))
    assert sessions[0]["startTime"] <= EPOCH // DAY_MS * DAY_MS - DAY_MS < sessions[0]["endTime"]
    assert sessions[-1]["startTime"] < EPOCH + 7 * DAY_MS <= sessions[-1]["endTime"]
    assert {each["type"] for each in sessions} == {"REGULAR", "NO_TRADING"}


def test_it_trades_in_its_sessions_only_and_its_ids_go_on() -> None:
    of, clock = served()
    listing = of.listings["SHAREUSDT"]
    trades = list(listing.newest(None, 20_000))
    clock.now += 3 * HOUR_MS
    trades += listing.advance(clock.now)
    assert [trade.a for trade in trades] == list(range(trades[0].a, trades[-1].a + 1))
    assert listing.from_id(trades[-500].a, 1000) == trades[-500:]
    regular = [range(each["startTime"], each["endTime"]) for each in schedule(of) if each["type"] == "REGULAR"]
    counts = [sum(trade.T in session for trade in trades) for session in regular]
    assert sum(counts) == len(trades)
    assert all(count > 3000 for count, session in zip(counts, regular, strict=True) if session[0] > trades[0].T and session[-1] < clock.now)


async def test_its_candles_are_flat_while_it_is_closed() -> None:
    listing = served(OPENED + 30 * MINUTE_MS)[0].listings["SHAREUSDT"]
    bars = await listing.bars(MINUTE_MS, OPENED - HOUR_MS, OPENED - 1, 60)
    assert [bar.candle.raw_trades > 0 for bar in bars] == [True] * 40 + [False] * 20
    assert {(bar.candle.open, bar.candle.high, bar.candle.low, bar.candle.volume) for bar in bars[40:]} == {
        (bars[39].candle.close, bars[39].candle.close, bars[39].candle.close, 0)
    }


def test_what_is_told_of_it() -> None:
    of, _ = served()
    share, coin = json.loads(exchange_info(of))["symbols"]
    assert (share["contractType"], share["underlyingType"]) == ("TRADIFI_PERPETUAL", "EQUITY")
    assert (coin["contractType"], coin["underlyingType"]) == ("PERPETUAL", "COIN")
    assert json.loads(contract_info(of.listings["SHAREUSDT"], EPOCH))["ct"] == "TRADIFI_PERPETUAL"


@settings(deadline=None, max_examples=50)
@given(st.integers(EPOCH, 2 * EPOCH), st.sampled_from([0.01, 2.0, 300.0]))
def test_an_id_is_found_in_its_block(time_ms: int, rate: float) -> None:
    scenario = served(rate=rate)[0].scenario
    tape = Tape("SHAREUSDT", scenario, 1, Market(scenario, 1))
    number = tape.block_at(time_ms)
    first, stop = tape.first_id(number), tape.first_id(number + 1)
    assert first <= stop
    assert all(tape.block_of(trade_id) == number for trade_id in {first, stop - 1} if first < stop)


@pytest.mark.parametrize(
    ("symbols", "complaint"),
    [
        ({"A": share(closed="30s")}, "whole minutes"),
        ({"A": share(opened="90s")}, "whole minutes"),
        ({"A": share(market="MOON")}, "MOON"),
        ({"A": share(), "B": share(opened="50m")}, "other ones of the same market"),
    ],
)
def test_mistakes_are_named(symbols: dict[str, str], complaint: str) -> None:
    with pytest.raises(ScenarioError, match=complaint):
        parse("symbols: {" + ", ".join(f"{name}: {text}" for name, text in symbols.items()) + "}")
    assert parse(f"symbols: {{A: {share()}, B: {share(opened='50m', market='FX')}}}")
