"""Binance USDⓈ-M futures as a feed."""

import random
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

from msgspec import Meta

import quantd
from quantd_plugins.feeds.binance import books, days, history
from quantd_plugins.feeds.binance.bans import Bans
from quantd_plugins.feeds.binance.books import MOST_LEVELS, Books
from quantd_plugins.feeds.binance.recorder import MIB, Recorder, Shape
from quantd_plugins.feeds.binance.rest import Gateway
from quantd_plugins.feeds.binance.routes import LISTING, Routes, channel_streams, streams
from quantd_plugins.feeds.binance.sessions import Sessions, schedule
from quantd_plugins.feeds.binance.timing import ExchangeClock

if TYPE_CHECKING:
    from quantd_plugins.feeds.binance.pool import Pool

DURATION = r"^\d+(ms|s|m)$"
DAY = 86_400_000
LONG_DURATION = r"^\d+(ms|s|m|h)$"


class BinanceFutures(quantd.Feed):
    """Live aggregate trades and 24-hour tickers of Binance USDⓈ-M futures, and their past over REST; quotes, the order book's best levels
    every 100 ms, and mark prices every second, of symbols of which they are wanted.

    Needs no key. A lost connection is restored automatically, however long that takes; trades missed meanwhile show as a gap. Addresses
    are used as they are: name another host to use a simulator. HTTPS_PROXY and similar variables select a proxy.
    """

    ws: Annotated[str, Meta(pattern="^wss?://", description="Where streams are.")] = "wss://fstream.binance.com"
    rest: Annotated[str, Meta(pattern="^https?://", description="Where REST is.")] = "https://fapi.binance.com"
    files: Annotated[str, Meta(pattern="^https?://", description="Where the files of past days are.")] = "https://data.binance.vision"
    routes: Annotated[Routes, Meta(description="Paths below `ws`.")] = Routes()
    tickers: Annotated[bool, Meta(description="Bring the 24-hour ticker of each symbol too.")] = True
    listings: Annotated[bool, Meta(description="Hear at once when a symbol is listed or delisted, not within the hour.")] = True
    depth_levels: Annotated[int, Meta(ge=1, le=MOST_LEVELS, description="Levels of each side of the order book that are told.")] = 20
    streams_per_connection: Annotated[int, Meta(ge=1, le=1024, description="Streams on one connection; with more, several are used.")] = 200
    reconnect_min: Annotated[str, Meta(pattern=DURATION, description="At most how long to wait before the first reconnect.")] = "500ms"
    reconnect_max: Annotated[str, Meta(pattern=DURATION, description="At most how long to wait before any reconnect.")] = "60s"
    rotate: Annotated[str, Meta(pattern=LONG_DURATION, description="At which age a connection is replaced; the exchange cuts at 24h.")] = (
        "23h"
    )
    silent: Annotated[
        str,
        Meta(pattern=r"^[1-9]\d*(ms|s|m)$", description="Within what time a stream that brings nothing though there is trade is found."),
    ] = "30s"
    record: Annotated[Literal["raw"] | None, Meta(description="`raw` keeps every frame as it was received; `quantd replay` reads it.")] = (
        None
    )
    record_dir: Annotated[str | None, Meta(description="Where to; without it, `raw/` and the feed's name in the state directory.")] = None
    record_rotate: Annotated[int, Meta(ge=1, description="MiB (packed) at which a new file begins; one begins each hour anyway.")] = 64
    record_keep: Annotated[int, Meta(ge=1, description="MiB of all files together; the oldest are deleted.")] = 4096
    seed: Annotated[int | None, Meta(description="Of the random waits before reconnects; without one they differ each time.")] = None

    id_history_ms: ClassVar[int] = history.ID_HISTORY_MS
    past_timeframes: ClassVar[tuple[str, ...]] = history.INTERVALS
    channels: ClassVar[frozenset[quantd.Channel]] = frozenset({"quotes", "depth", "marks"})

    def __post_init__(self) -> None:
        if not 0 < quantd.duration(self.rotate) <= DAY:
            raise ValueError("rotate: expected up to 24h, for then the exchange cuts, and more than nothing")
        self._rng = random.Random(self.seed)
        self._live_by(quantd.Subscription(()).clock)
        self._bans = Bans(self._clock, {}, market=self._market)
        self._gateway: Gateway | None = None
        self._sessions = Sessions(lambda: schedule(self._rest()), self.time)
        self._pool: Pool | None = None
        self._wanted: tuple[Sequence[str], quantd.Channels] | None = None

    async def stream(self, subscription: quantd.Subscription) -> AsyncGenerator[Sequence[quantd.Event], None]:
        from quantd_plugins.feeds.binance.pool import Pool  # only a stream needs a WebSocket
        from quantd_plugins.feeds.binance.stream_group import Limits

        if subscription.clock is not self._clock:
            self._live_by(subscription.clock)
        self._bans = self._rest().bans = Bans(subscription.clock, subscription.memory, market=self._market)
        durations = (self.reconnect_min, self.reconnect_max, self.rotate, self.silent)
        limits = Limits(self.streams_per_connection, *(quantd.duration(text) / 1000 for text in durations))
        kept = Books(lambda symbol: books.snapshot(self._rest(), symbol), self.depth_levels, subscription.clock, self._rng)
        urls = self.routes.urls(self.ws)
        pool = self._pool = Pool(urls, limits, self._exchange, self._rng, self._bans, kept, self._recorder(subscription))
        pool.open(lambda: history.server_time(self._rest()), lambda symbol: history.newest(self._rest(), symbol), self._sessions)
        self.want(*self._wanted or (subscription.symbols, subscription.channels))
        try:
            while True:
                yield await pool.take()
        finally:
            await self.close()

    def want(self, symbols: Sequence[str], channels: quantd.Channels) -> None:
        self._wanted = symbols, channels
        self._sessions.want(symbols)
        if self._pool:
            kinds = ("aggTrade", "ticker") if self.tickers else ("aggTrade",)
            self._pool.books.want(symbol for symbol in symbols if "depth" in channels.get(symbol, ()))
            listing = [LISTING] if self.listings and symbols else []
            self._pool.want(listing + streams(symbols, kinds) + channel_streams(symbols, channels))

    def time(self) -> int | None:
        return self._exchange.now()

    def health(self) -> quantd.FeedHealth:
        return self._pool.health() if self._pool else quantd.FeedHealth(banned_until=self._bans.until())

    def is_closed(self, symbol: str) -> bool:
        return self._sessions.is_closed(symbol)

    async def fetch_symbols(self) -> list[str]:
        listed = await history.listings(self._rest())
        self._sessions.learn(history.markets(listed))
        return [each.symbol for each in listed]

    async def fetch_ticks(self, symbol: str, start: int, end: int) -> list[quantd.Tick]:
        return await history.ticks(self._rest(), self._market, symbol, start, end, self.time())

    async def fetch_ids(self, symbol: str, first_id: int, last_id: int) -> list[quantd.Tick]:
        return await history.of_ids(self._rest(), self._market, symbol, first_id, last_id)

    async def fetch_day(self, symbol: str, day: int, first_id: int, last_id: int) -> AsyncIterator[Sequence[quantd.Tick]]:
        async for ticks in days.ticks(self.files, self._market, symbol, day, first_id, last_id):
            yield ticks

    async def fetch_bars(self, symbol: str, every: str, start: int, end: int) -> list[quantd.Bar]:
        return await history.bars(self._rest(), symbol, every, start, end, self.time())

    async def fetch_funding(self, symbol: str, start: int, end: int) -> list[quantd.FundingRate]:
        return await history.funding(self._rest(), symbol, start, end)

    def places(self) -> frozenset[str]:
        """Return the folder of the record: the limit `record_keep` deletes the oldest files in it, whoever wrote them."""
        return frozenset({str(Path(self.record_dir).expanduser().resolve())} if self.record and self.record_dir else ())

    async def close(self) -> None:
        pool, self._pool = self._pool, None
        if pool:
            await pool.close()
        if self._gateway:
            await self._gateway.close()

    def _live_by(self, clock: quantd.Clock) -> None:
        self._clock = clock
        self._exchange = ExchangeClock(clock)
        self._market = quantd.MarketClock(clock, self.time)

    def _recorder(self, subscription: quantd.Subscription) -> Recorder | None:
        if self.record is None:
            return None
        directory = Path(self.record_dir).expanduser() if self.record_dir else subscription.directory
        if directory is None:
            raise quantd.QuantdError("binance-futures: `record` needs a directory here: name one in `record_dir`")
        return Recorder(Shape(directory, self.record_rotate * MIB, self.record_keep * MIB), self._market)

    def _rest(self) -> Gateway:
        if self._gateway is None:
            self._gateway = Gateway(self.rest, self._market, self._rng, bans=self._bans)
        return self._gateway


@quantd.hookimpl
def register_feeds(register: quantd.Register[quantd.Feed]) -> None:
    register("binance-futures", BinanceFutures)
