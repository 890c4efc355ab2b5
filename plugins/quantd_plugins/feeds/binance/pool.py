"""All connections of a feed, and the assignment of streams to them."""

import asyncio
import random
from collections.abc import Iterable, Mapping, Sequence

import quantd
from quantd.net import Attempts, BoundedQueue
from quantd_plugins.feeds.binance.bans import Bans
from quantd_plugins.feeds.binance.books import Books
from quantd_plugins.feeds.binance.connection import Connection, Shared
from quantd_plugins.feeds.binance.frames import Faults
from quantd_plugins.feeds.binance.handover import HOLD_MS
from quantd_plugins.feeds.binance.probes import Newest
from quantd_plugins.feeds.binance.recorder import Recorder
from quantd_plugins.feeds.binance.routes import Route, Stream
from quantd_plugins.feeds.binance.sessions import Sessions
from quantd_plugins.feeds.binance.stream_group import Limits, StreamGroup
from quantd_plugins.feeds.binance.subscriptions import symbols
from quantd_plugins.feeds.binance.timing import Ask, ExchangeClock, TurnClock
from quantd_plugins.feeds.binance.trade_columns import joined
from quantd_plugins.feeds.binance.upkeep import keep_up
from quantd_plugins.feeds.binance.watch import Rest, Watch

BATCH = 2000
BEAT_S = 0.25
BEHIND_MS = 5_000
"""Delay (ms) beyond which a connection of the public route no longer holds up the bars of trades."""


class Pool:
    """Opens connections as needed, each for one route. Their events wait in one queue of BATCH events; the connections stop reading
    while it is full.
    """

    def __init__(
        self,
        urls: Mapping[Route, str],
        limits: Limits,
        exchange: ExchangeClock,
        rng: random.Random,
        bans: Bans,
        books: Books,
        recorder: Recorder | None = None,
    ) -> None:
        self._recorder = recorder
        self.books = books
        self._exchange = exchange
        self._urls = urls
        self._limits = limits
        self._rng = rng
        self._events = BoundedQueue[quantd.Event](BATCH, joined)
        self._tasks: dict[StreamGroup, asyncio.Task[None]] = {}
        self._leaving: set[asyncio.Task[None]] = set()
        self._told = 0
        self._opened = 0
        clock = exchange.clock
        self._shared = Shared(
            events=self._events,
            clock=clock,
            turn=TurnClock(quantd.MarketClock(clock, exchange.now)),
            exchange=exchange,
            faults=Faults(clock),
            bans=bans,
            attempts=Attempts(clock),
            books=books,
            lost=self._lost,
            record=recorder.add if recorder else None,
        )

    def open(self, ask: Ask, newest: Newest, sessions: Sessions) -> None:
        """Open the pool; needs a running loop. `ask` and `newest` request the time and a symbol's newest trade over REST; `sessions`
        are kept up to date.
        """
        if self._recorder:
            self._recorder.start()
        exchange, seconds = self._exchange, self._limits.silent
        watch = self._watch = Watch(
            seconds,
            self._current,
            Rest(newest, sessions.is_closed),
            exchange.now,
            self._events.full,
            self._missed,
            self._shared.clock,
        )
        self._helpers = [
            keep_up("watch", watch.run),
            keep_up("status", self._beat),
            keep_up("time", lambda: self._exchange.keep(ask)),
            keep_up("sessions", sessions.keep),
        ]

    def want(self, streams: Iterable[Stream]) -> None:
        """Carry exactly these streams from now on; streams that stay keep their connection."""
        new = tuple(dict.fromkeys(streams))
        for group in self._tasks:
            group.wanted = group.wanted.intersection(stream.name for stream in new)
        placed = {name for group in self._tasks for name in group.wanted}
        for stream in new:
            if stream.name not in placed:
                self._place(stream)
        for group in [group for group in self._tasks if not group.wanted]:
            self._drop(group)
        self._watch.keep(symbols(stream.name for stream in new))

    def health(self) -> quantd.FeedHealth:
        """Return the health of the connections."""
        groups = (group.health(self._watch.silent_symbols(group.current) if group.current else ()) for group in self._tasks)
        return quantd.FeedHealth(tuple(groups), self._shared.bans.until(), self._recorder.lost if self._recorder else 0, self.books.resyncs)

    async def take(self) -> Sequence[quantd.Event]:
        """Return the oldest events as one batch; wait for at least one."""
        return await self._events.take()

    async def close(self) -> None:
        """Close every connection."""
        for group in list(self._tasks):
            self._drop(group)
        for task in self._helpers:
            task.cancel()
        await asyncio.gather(*self._helpers, *self._leaving, return_exceptions=True)
        await self.books.close()
        if self._recorder:
            await asyncio.to_thread(self._recorder.stop)

    def _current(self) -> list[Connection]:
        return [group.current for group in self._tasks if group.current]

    def _place(self, stream: Stream) -> None:
        with_room = (group for group in self._tasks if group.route == stream.route and len(group.wanted) < self._limits.streams)
        group = next(with_room, None) or self._add(stream.route)
        group.wanted |= {stream.name}

    def _add(self, route: Route) -> StreamGroup:
        self._opened += 1
        group = StreamGroup(f"connection {self._opened}", route, self._urls[route], self._shared, self._limits, self._rng)
        self._tasks[group] = keep_up(group.name, group.run)
        return group

    def _drop(self, group: StreamGroup) -> None:
        task = self._tasks.pop(group)
        self._leaving.add(task)
        task.add_done_callback(self._leaving.discard)
        task.cancel()

    async def _beat(self) -> None:
        """Publish at intervals how far all data have been received, so that bars close in quiet times, too."""
        while True:
            await asyncio.sleep(BEAT_S)
            self._tell_behind()
            upto = self._complete_upto()
            if upto is not None and upto > self._told:
                self._told = upto
                await self._events.put(quantd.Status(upto, healthy=True))

    def _complete_upto(self) -> int | None:
        now = self._exchange.now()
        trades = [group for group in self._tasks if group.route == "market"]
        if now is None or not trades or not all(group.ready for group in trades):
            return None
        others = (group.upto for group in self._tasks if group.route == "public" and group.ready and group.upto > now - BEHIND_MS)
        return min(now, *(group.upto for group in trades), *others) - HOLD_MS

    def _tell_behind(self) -> None:
        """Report a connection of the public route that is far behind: bars do not wait for it, so its data are in doubt meanwhile."""
        now = self._exchange.now() or 0
        for group in self._tasks:
            if group.route == "public" and group.ready and 0 < group.upto <= now - BEHIND_MS:
                self._lost(group.route, group.upto)

    def _missed(self) -> None:
        """Report that a stream of trades was found silent and did not bring some trades."""
        self._lost("market", self._exchange.now() or 0)

    def _lost(self, route: Route, upto: int) -> None:
        """Report that data of one connection may be missing, even if another connection is already lost. Data of that other one are no
        longer in doubt if newer data have arrived since. Trades arrive over the market route only, and their ids tell since when some
        are missing.
        """
        if route != "market":
            self._events.add([quantd.Status(upto, healthy=False, channels_only=True)])
        else:
            self._told = max(self._told, self._exchange.now() or 0)
            self._events.add([quantd.Status(self._told, healthy=False)])
