"""Trading sessions of the markets behind symbols: shares, commodities and currencies may be silent outside of them."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable, Mapping

import msgspec
from msgspec import Struct

import quantd
from quantd_plugins.feeds.binance.bounds import Milliseconds
from quantd_plugins.feeds.binance.rest import Gateway

log = logging.getLogger(__name__)

SCHEDULE_WEIGHT = 5
NO_TRADING = "NO_TRADING"
LOOK_S = 1.0
DAY_MS = 86_400_000
AGAIN_MS = 300_000
"""Time after a failed request until the schedule is requested again, ms."""


class Session(Struct, frozen=True):
    """A session of one market, start <= ts < end. Trades occur in all types but NO_TRADING."""

    start: Milliseconds = msgspec.field(name="startTime")
    end: Milliseconds = msgspec.field(name="endTime")
    type: str

    def __post_init__(self) -> None:
        if self.end <= self.start:
            raise ValueError(f"a session from {self.start} to {self.end}")


class Market(Struct, frozen=True):
    """The sessions of one market, in any order."""

    sessions: tuple[Session, ...]

    def covers(self, now: int) -> bool:
        """Return whether the schedule covers this time (ms UTC): it lies between the first and the last session."""
        return min((each.start for each in self.sessions), default=now) <= now < max((each.end for each in self.sessions), default=now)

    def is_closed(self, now: int) -> bool:
        """Return whether the market is closed at `now` (ms UTC). False if that is not known."""
        return self.covers(now) and not any(each.start <= now < each.end and each.type != NO_TRADING for each in self.sessions)


UNKNOWN = Market(())


class Schedule(Struct, frozen=True):
    """The answer of /fapi/v1/tradingSchedule: sessions by the `underlyingType` of symbols."""

    markets: dict[str, Market] = msgspec.field(name="marketSchedules")


async def schedule(gateway: Gateway) -> Schedule:
    """Return the schedule from yesterday to next week. Raises QuantdError."""
    return await gateway.get("/fapi/v1/tradingSchedule", {}, SCHEDULE_WEIGHT, Schedule)


class Sessions:
    """The sessions of the wanted symbols. `ask` requests the schedule, and raises QuantdError; `now` is the exchange time, ms UTC."""

    def __init__(self, ask: Callable[[], Awaitable[Schedule]], now: Callable[[], int | None]) -> None:
        self._ask = ask
        self._now = now
        self._market_of: Mapping[str, str] = {}
        self._wanted: frozenset[str] = frozenset()
        self._known = Schedule({})
        self._asked: int | None = None
        self._failed = False

    def learn(self, market_of: Mapping[str, str]) -> None:
        """Store the market of each symbol that has sessions; other symbols have none."""
        self._market_of = market_of

    def want(self, symbols: Iterable[str]) -> None:
        """Watch exactly these symbols from now on."""
        self._wanted = frozenset(symbols)

    def is_closed(self, symbol: str) -> bool:
        """Return whether the market of a symbol is closed now. False if that is not known, and for a symbol without sessions."""
        market, now = self._market_of.get(symbol), self._now()
        return market is not None and now is not None and self._known.markets.get(market, UNKNOWN).is_closed(now)

    async def keep(self) -> None:
        """Request the schedule whenever it is due; never return."""
        while True:
            now = self._now()
            if now is not None and self.is_due(now):
                await self._renew(now)
            await asyncio.sleep(LOOK_S)

    def is_due(self, now: int) -> bool:
        """Return whether to request the schedule now: at first, daily, and when it ends for the market of a watched symbol."""
        markets = {self._market_of[symbol] for symbol in self._wanted & self._market_of.keys()}
        if self._asked is None or not markets:
            return bool(markets)
        whole = all(self._known.markets.get(market, UNKNOWN).covers(now) for market in markets)
        return now - self._asked >= (DAY_MS if whole and not self._failed else AGAIN_MS)

    async def _renew(self, now: int) -> None:
        self._asked = now
        try:
            self._known = await self._ask()
        except quantd.QuantdError as error:
            if not self._failed:
                log.warning("binance-futures: when markets are open is not known anew, asking on: %s", error)
            self._failed = True
        else:
            self._failed = False
