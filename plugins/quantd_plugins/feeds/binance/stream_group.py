"""Keeps a group of streams of one route connected: over one connection after the other, or over two during a handover (handover.py)."""

import asyncio
import logging
import random
from collections.abc import Awaitable, Iterable

from msgspec import Struct
from msgspec.structs import replace

import quantd
from quantd.net import Backoff, shown
from quantd_plugins.feeds.binance.connection import Connection, Shared
from quantd_plugins.feeds.binance.handover import Progress
from quantd_plugins.feeds.binance.routes import Route
from quantd_plugins.feeds.binance.subscriptions import symbols

log = logging.getLogger(__name__)

LOOK_S = 0.05
READY_S = 30.0
"""Seconds after which a successor that is not confirmed is closed."""
ROTATE_JITTER = 0.05


class Limits(Struct, frozen=True):
    """Largest number of streams of a connection; the shortest and the longest wait before a reconnect, the age at which a connection is
    replaced, and the time within which a silent stream is found, all in s.
    """

    streams: int
    shortest: float
    longest: float
    rotate: float
    silent: float


class Life(Struct, eq=False):
    """A connection and the task that runs it, whose result is the reason for its end."""

    connection: Connection
    task: asyncio.Task[str]


class Past(Struct):
    """State that remains of the connections that have ended."""

    known: dict[str, int] = {}
    """The last trade id of each symbol."""
    skipped: int = 0
    """Frames that could not be read."""
    fed: bool = False
    """Whether one of them brought data or was confirmed since a loss was last reported."""
    told: str = ""
    """The failure that was last logged, so that it is logged once."""


class StreamGroup:
    """The streams that one connection carries. `wanted` may be set at any time; `run` keeps a connection open that carries them."""

    def __init__(self, name: str, route: Route, url: str, shared: Shared, limits: Limits, rng: random.Random) -> None:
        self.name = name
        self.route = route
        self.url = url
        self.wanted: frozenset[str] = frozenset()
        self.reconnects = 0
        self.handovers = 0
        self.successor: Connection | None = None
        self.current: Connection | None = None
        self._shared = shared
        self._limits = limits
        self._rng = rng
        self._backoff = Backoff(limits.shortest, limits.longest, rng)
        self._lives: set[asyncio.Task[str]] = set()
        self._opened = 0
        self._past = Past()

    @property
    def ready(self) -> bool:
        """Return whether all wanted streams are confirmed."""
        return self.current is not None and self.current.ready

    @property
    def upto(self) -> int:
        """Return the exchange time (ms) up to which all data sent over this connection have been read."""
        return self.current.upto if self.current else 0

    def health(self, silent: Iterable[str]) -> quantd.ConnectionHealth:
        """Return the current health. `silent` holds the symbols of the current connection whose streams are silent or were refused."""
        current, told = self.current, quantd.ConnectionHealth(self.name, self.route, len(self.wanted), "connecting")
        refused = symbols(current.subscriptions.refused) if current else []
        quiet = tuple(dict.fromkeys([*silent, *refused]))
        told = replace(told, reconnects=self.reconnects, handovers=self.handovers, silent=quiet, skipped=self._past.skipped)
        if current is None or current.up_since is None:
            return told
        state = "handing over" if self.successor else "up" if current.ready else "subscribing"
        age = self._shared.clock.monotonic() - current.up_since
        return replace(told, state=state, age=age, skipped=told.skipped + current.skipped)

    async def run(self) -> None:
        """Connect, and reconnect after each end, until cancelled."""
        try:
            await self._shared.exchange.first()
            while True:
                await self._turn()
                upto, cause = await self._carry()
                self._lost(upto)
                delay = self._backoff.delay()
                level = logging.DEBUG if cause == self._past.told else logging.WARNING
                log.log(level, "binance-futures: %s: %s: %s; next try in %.1f s", self.name, shown(self.url), cause, delay)
                self._past.told = cause
                await self._shared.attempts.pause(delay)
                self.reconnects += 1
        except Exception:
            self._shared.lost(self.route, self.upto)
            raise
        finally:
            self.current = self.successor = None
            for task in self._lives:
                task.cancel()
            await asyncio.gather(*self._lives, return_exceptions=True)

    async def _carry(self) -> tuple[int, str]:
        """Run a new connection and its successors. Return the time up to which the last of them brought all data, and why it ended."""
        life = self._begin()
        life.connection.resume(self._past.known)
        while True:
            self.current, self.successor = life.connection, None
            await self._until_old(life)
            if not life.task.done():
                life = await self._hand_over(life)
            if life.task.done():
                self._remember(life.connection)
                self.current = None
                return life.connection.upto, life.task.result()

    async def _turn(self) -> None:
        """Wait until this group may connect."""
        bans = self._shared.bans
        while True:
            await bans.pass_through("ws", self.name)
            await self._shared.attempts.take()
            if not bans.wait("ws"):
                return

    def _begin(self, elder: Connection | None = None) -> Life:
        self._opened += 1
        name = self.name if self._opened == 1 else f"{self.name}.{self._opened}"
        connection = Connection(name, self.url, self._shared, lambda: self.wanted, elder)
        task = asyncio.create_task(connection.live(), name=f"binance-futures {name}")
        self._lives.add(task)
        task.add_done_callback(self._lives.discard)
        return Life(connection, task)

    def _remember(self, connection: Connection) -> None:
        known = self._past.known | connection.brought
        self._past.known = {symbol: known[symbol] for symbol in connection.trades_of if symbol in known}
        self._past.skipped += connection.skipped
        self._past.fed |= connection.subscriptions.confirmed or connection.data_since is not None
        if self._past.fed:
            self._past.told = ""
        if connection.steady:
            self._backoff.reset()

    def _lost(self, upto: int) -> None:
        """Report that data sent after `upto` (ms) may be lost. A try that brought nothing adds no loss to those already reported."""
        fed, self._past.fed = self._past.fed, False
        if fed:
            self._shared.lost(self.route, upto)

    async def _until_old(self, life: Life) -> None:
        """Wait until the connection ends or is to be replaced."""
        age = self._limits.rotate * (1.0 - ROTATE_JITTER * self._rng.random())
        asked = asyncio.create_task(life.connection.retiring.wait())
        try:
            await asyncio.wait({life.task, asked}, timeout=age, return_when=asyncio.FIRST_COMPLETED)
        finally:
            asked.cancel()
        if not life.task.done():
            life.connection.retire(f"it is {age:.0f} s old")

    async def _hand_over(self, old: Life) -> Life:
        """Return the connection that continues: a successor, or the old one if that ended before there was a successor."""
        log.info("binance-futures: %s: another connection is to take over: %s", old.connection.name, old.connection.reason)
        backoff = Backoff(self._limits.shortest, self._limits.longest, self._rng)
        while await self._unless_ended(old, self._turn()):
            new = self._begin(old.connection)
            self.successor = new.connection
            progress = Progress(old.connection, new.connection, self._shared)
            cause = await self._join(old, new, progress)
            if cause is None:
                await self._take_over(old, new, whole=progress.whole())
                return new
            self.successor = None
            await self._end(new)
            delay = backoff.delay()
            log.warning("binance-futures: %s: cannot take over: %s; next try in %.1f s", new.connection.name, cause, delay)
            await asyncio.wait({old.task}, timeout=delay)
        return old

    async def _unless_ended(self, life: Life, turn: Awaitable[None]) -> bool:
        """Wait until this group may connect; return False if the connection ends first."""
        waiting = asyncio.ensure_future(turn)
        try:
            await asyncio.wait({life.task, waiting}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            waiting.cancel()
        return not life.task.done()

    async def _join(self, old: Life, new: Life, progress: Progress) -> str | None:
        """Wait until the new connection can continue alone, and return the reason if it cannot. It must continue if the old one ends."""
        clock = self._shared.clock
        began = clock.monotonic()
        while not (new.task.done() or old.task.done() or progress.joined()):
            if progress.ready_since is None and clock.monotonic() - began > READY_S:
                return f"nothing was confirmed within {READY_S:.0f} s"
            if progress.mute():
                return "it brings nothing while the other one does"
            await asyncio.wait({old.task, new.task}, timeout=LOOK_S, return_when=asyncio.FIRST_COMPLETED)
        return new.task.result() if new.task.done() else None

    async def _take_over(self, old: Life, new: Life, *, whole: bool) -> None:
        ended = old.task.done()
        self._remember(old.connection)
        if not whole:
            new.connection.resume(self._past.known)
            self._lost(old.connection.upto)
        await new.connection.take_over()
        self.handovers += 1
        self.current = new.connection
        await self._end(old)
        how = ", which ended before" if ended else ""
        log.info("binance-futures: %s: has taken over from %s%s", new.connection.name, old.connection.name, how)

    async def _end(self, life: Life) -> None:
        life.task.cancel()
        await asyncio.wait({life.task})
