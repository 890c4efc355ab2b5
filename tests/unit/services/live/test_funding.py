"""A backtest by request is told the funding of its legs, as far as the feed has it."""

import asyncio
import math
from pathlib import Path
from typing import Any

import pytest

from quantd.model import FundingRate
from quantd.services.analytics import Question
from quantd.testing import fakes
from quantd.testing.fakes import START
from quantd.timeframes import DAY, HOUR, MINUTE
from tests.unit.services.rig import Rig, Told, rig

END = START + DAY


class Payer(Told):
    """Pays every eight hours, for A and, unless it is silent, for B."""

    silent: bool = False
    down: bool = False

    def __post_init__(self) -> None:
        super().__post_init__()
        self.asked: list[tuple[str, int, int]] = []

    async def fetch_funding(self, symbol: str, start: int, end: int) -> list[FundingRate]:
        self.asked.append((symbol, start, end))
        if self.down:
            raise OSError("no route")
        if self.silent and symbol == "B":
            return []
        return [FundingRate(symbol, ts + 5, 0.001, 100.0) for ts in range(-(-start // (8 * HOUR)) * 8 * HOUR, end - 5, 8 * HOUR)]


def begun(at: Rig, feed: Payer) -> None:
    at.flow.feed = feed
    for symbol in ("A", "B"):
        at.history.put_bars(fakes.bars(600, symbol=symbol, start=END - 600 * MINUTE))


async def past(at: Rig, limit: int = 500) -> dict[str, list[int]]:
    found = await at.services.analytics.past(Question("A", "B", "1m", 20, "ols"), limit)
    return {symbol: [(ts - END) // HOUR for ts in rates.ts.tolist()] for symbol, rates in found.funding.items()}


def test_the_rates_of_the_bars_and_of_two_days_before_are_asked_for(tmp_path: Path) -> None:
    async def asked() -> None:
        with rig(tmp_path, END) as at:
            begun(at, feed := Payer())
            hours = list(range(-56, 0, 8))
            assert await past(at) == {"A": hours, "B": hours}
            first = END - 540 * MINUTE
            assert feed.asked == [(symbol, first - 2 * DAY, END) for symbol in ("A", "B")]
            await past(at)
            assert len(feed.asked) == 2, "the same question is answered from memory"
            await past(at, 100)
            assert len(feed.asked) == 4

    asyncio.run(asked())


def test_a_leg_without_any_is_left_out(tmp_path: Path) -> None:
    async def asked() -> None:
        with rig(tmp_path, END) as at:
            begun(at, Payer(silent=True))
            assert list(await past(at)) == ["A"]

    asyncio.run(asked())


def test_a_feed_that_does_not_answer_is_left_alone_for_a_while(tmp_path: Path) -> None:
    async def asked() -> None:
        with rig(tmp_path, END) as at:
            begun(at, feed := Payer(down=True))
            assert await past(at) == {}
            assert await past(at) == {}
            assert len(feed.asked) == 2
            feed = at.flow.feed = Payer()
            at.clock.advance_to(END + 31_000)
            assert list(await past(at)) == ["A", "B"]
            assert len(feed.asked) == 2

    asyncio.run(asked())


@pytest.mark.parametrize("told", [None, [FundingRate("A", END - HOUR, math.nan, 100.0)], [FundingRate("A", END - HOUR, 0.1, math.inf)]])
def test_a_feed_that_tells_nonsense_did_not_answer(tmp_path: Path, told: Any) -> None:
    class Wrong(Payer):
        async def fetch_funding(self, symbol: str, start: int, end: int) -> list[FundingRate]:
            rates: list[FundingRate] = told
            return rates

    async def asked() -> None:
        with rig(tmp_path, END) as at:
            begun(at, Wrong())
            assert await past(at) == {}

    asyncio.run(asked())


def test_without_bars_nothing_is_asked(tmp_path: Path) -> None:
    async def asked() -> None:
        with rig(tmp_path, END) as at:
            at.flow.feed = feed = Payer()
            assert await past(at) == {}
            assert feed.asked == []

    asyncio.run(asked())
