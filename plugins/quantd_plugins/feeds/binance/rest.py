"""The gateway to the exchange's REST service: it respects the weight limits and bans, and reports errors."""

import asyncio
import logging
import random
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Literal, TypeVar

import msgspec
from msgspec import Struct

import quantd
from quantd.net import Backoff, Sleep, cause, http_session, shown
from quantd_plugins.feeds.binance.bans import ADVICE, SLOW_DOWN, Bans
from quantd_plugins.feeds.binance.body import ACCEPT, BadBody, read_body

if TYPE_CHECKING:
    from aiohttp import ClientSession

log = logging.getLogger(__name__)
T = TypeVar("T")
Params = Mapping[str, str | int]

WEIGHT_PER_MINUTE = 1200
"""Half of the weight that the exchange allows an address (2,400); the other half is for other programs at this address."""
URGENT_WEIGHT_PER_MINUTE = 200
"""Additional weight for urgent requests."""
KEPT_FROM_BULK = 200
"""The weight of each minute that bulk requests leave to others: a gap in a live stream is repaired beside the start of many symbols."""
AT_ONCE = 4
BULK_AT_ONCE = AT_ONCE - 1
TRIES = 4
TIMEOUT_S = 15.0
PATIENCE_S = 120.0
"""Longest wait for the exchange's permission; a request that would wait longer fails at once."""
SAMPLE = 80
TRANSIENT = (408, 500, 502, 503, 504)
USED = "X-MBX-USED-WEIGHT-1M"

Rank = Literal["urgent", "usual", "bulk"]
"""`urgent` requests wait for no other, and have a weight of their own. `bulk` requests are many, and leave room for others."""
_MOST: Mapping[Rank, int] = {
    "urgent": WEIGHT_PER_MINUTE + URGENT_WEIGHT_PER_MINUTE,
    "usual": WEIGHT_PER_MINUTE,
    "bulk": WEIGHT_PER_MINUTE - KEPT_FROM_BULK,
}


class Words(Struct):
    """The exchange's description of an error."""

    code: int
    msg: str


class Reply(Struct):
    """A response of any kind."""

    path: str
    status: int
    headers: Mapping[str, str]
    body: bytes

    def problem(self, what: str) -> quantd.QuantdError:
        """Return an error that names the source, with the exchange's message or the beginning of the body."""
        return quantd.QuantdError(f"binance-futures: {self.path}: HTTP {self.status}: {what}: {self._said()}")

    def _said(self) -> str:
        try:
            words = msgspec.json.decode(self.body, type=Words)
        except (ValueError, RecursionError):
            beginning = self.body[:SAMPLE].decode(errors="replace")
            return "a page of HTML" if beginning.lstrip().startswith("<") else repr(beginning)
        return f"{words.msg[:SAMPLE]!r} (code {words.code})"


class TransientError(quantd.QuantdError):
    """An error after which another try may succeed."""


class Gateway:
    """Sends GET requests, at most AT_ONCE at a time, of which BULK_AT_ONCE may be bulk requests; urgent ones are not counted."""

    def __init__(
        self,
        base: str,
        clock: quantd.Clock,
        rng: random.Random,
        sleep: Sleep = asyncio.sleep,
        bans: Bans | None = None,
        timeout: float = TIMEOUT_S,
    ) -> None:
        self._timeout = timeout
        self.bans = Bans(clock, {}) if bans is None else bans
        self._base = base.rstrip("/")
        self._clock = clock
        self._rng = rng
        self._sleep = sleep
        self._seats = asyncio.Semaphore(AT_ONCE)
        self._bulk_seats = asyncio.Semaphore(BULK_AT_ONCE)
        self._session: ClientSession | None = None
        self._minute = 0
        self._used = 0

    async def get(self, path: str, params: Params, weight: int, kind: type[T], *, rank: Rank = "usual") -> T:
        """Return the answer, decoded as `kind`. Raises QuantdError: at once for a permanent error, otherwise after a few tries."""
        backoff = Backoff(1.0, 10.0, self._rng)
        for left in reversed(range(TRIES)):
            try:
                return _read(await self._ask(path, params, weight, rank), kind)
            except TransientError as error:
                if not left:
                    raise
                log.debug("%s; trying again", error)  # the caller reports the last error
            await self._sleep(backoff.delay())
        raise AssertionError("unreachable")

    async def close(self) -> None:
        """Close the connections; a later request opens new ones."""
        session, self._session = self._session, None
        if session:
            await session.close()

    async def _ask(self, path: str, params: Params, weight: int, rank: Rank) -> Reply:
        async with self._seat(rank):
            await self._admit(path, weight, _MOST[rank])
            reply = await self._fetch(path, params)
        self._account(reply)
        return reply

    @asynccontextmanager
    async def _seat(self, rank: Rank) -> AsyncIterator[None]:
        """Hold a seat. A bulk request first takes one of the seats for its kind: while all of these wait for the next minute, a seat is
        left for others."""
        if rank == "urgent":
            yield
        elif rank == "bulk":
            async with self._bulk_seats, self._seats:
                yield
        else:
            async with self._seats:
                yield

    async def _admit(self, path: str, weight: int, most: int) -> None:
        """Wait until no ban is active and this minute has room for the weight."""
        while (wait := self._wait(weight, most)) > 0:
            if wait > PATIENCE_S:
                raise quantd.QuantdError(f"binance-futures: {path}: the exchange wants no requests for {wait:.0f} s: {shown(self._base)}")
            await self._sleep(wait)
        self._used += weight

    def _wait(self, weight: int, most: int) -> float:
        minute, inside = divmod(self._clock.now(), 60_000)
        if minute != self._minute:
            self._minute, self._used = minute, 0
        full = self._used + weight > most
        return max(self.bans.wait("rest"), (60_000 - inside) / 1000 if full else 0.0)

    async def _fetch(self, path: str, params: Params) -> Reply:
        import aiohttp

        if self._session is None:
            whole = aiohttp.ClientTimeout(total=self._timeout)
            self._session = http_session(self._base, timeout=whole, auto_decompress=False, headers=ACCEPT)
        try:
            async with self._session.get(self._base + path, params=params, allow_redirects=False) as response:
                return Reply(path, response.status, response.headers, await read_body(response))
        except TimeoutError:
            raise TransientError(f"binance-futures: {path}: no whole answer from {shown(self._base)} within {self._timeout:g} s") from None
        except (aiohttp.ClientError, OSError, ValueError) as error:
            raise TransientError(f"binance-futures: {path}: cannot ask {shown(self._base)}: {cause(error)}") from error
        except BadBody as error:
            raise TransientError(f"binance-futures: {path}: the answer of {shown(self._base)} is unreadable: {error}") from error

    def _account(self, reply: Reply) -> None:
        used = reply.headers.get(USED, "")
        if used.isdecimal():
            self._used = max(self._used, int(used))
        self.bans.take("rest", reply.status, reply.headers, reply.path)


def _read(reply: Reply, kind: type[T]) -> T:
    if reply.status in SLOW_DOWN:
        raise TransientError(str(reply.problem(ADVICE[reply.status])))
    if reply.status in TRANSIENT:
        raise TransientError(str(reply.problem("the exchange failed")))
    if reply.status != 200:
        raise reply.problem(ADVICE.get(reply.status, "refused"))
    try:
        return msgspec.json.decode(reply.body, type=kind, strict=False)
    except (ValueError, RecursionError) as error:
        raise TransientError(str(reply.problem(f"not the answer that was expected ({error})"))) from error
