"""The guard between quantd and a plugin: it counts and times calls, catches exceptions, and suspends a plugin that keeps failing."""

import asyncio
from collections.abc import Awaitable, Callable
from threading import get_ident
from typing import Literal, TypeVar, TypeVarTuple, overload

from msgspec import Struct

from quantd.clock import Clock
from quantd.plugin.breaker import Breaker
from quantd.plugin.pace import SLOW_S, Pace
from quantd.plugin.watch import Stepped, Watch
from quantd.supervision.supervisor import is_cancelled

T = TypeVar("T")
D = TypeVar("D")
Args = TypeVarTuple("Args")

LIMIT = 3
"""Number of consecutive faults after which a plugin is suspended."""


class Health(Struct, frozen=True):
    """The health of a plugin. `calls` counts the calls that were made, `skipped` those that were not, since the plugin was quarantined."""

    kind: str
    name: str
    calls: int
    faults: int
    skipped: int
    seconds: float
    """Time spent in the calls that succeeded, including awaiting, by the guard's clock: 0 in a replay."""
    state: Literal["ok", "failing", "slow", "quarantined"]
    """The state: `failing` if the last call failed, `slow` if the plugin is suspended because its calls block everything else,
    `quarantined` if it is suspended after faults."""
    last_error: str | None
    busy: float = 0.0
    """How long (s) the current call has taken so far."""


class Guard:
    """Makes the calls to one plugin. After `limit` faults in a row the plugin is suspended for `pause` seconds, then tried with one call.

    Whatever a plugin raises is a fault, SystemExit too. The cancellation of who waits for it passes, as does KeyboardInterrupt where there
    is no watch: a daemon takes its signals in another thread, so there it is the plugin's own.

    >>> from quantd.clock import EventClock
    >>> guard = Guard("regression", "upside_down", EventClock())
    >>> guard.call(divmod, 7, 2), guard.call(divmod, 7, 0, default=(0, 0))
    ((3, 1), (0, 0))
    >>> guard.health().faults
    1
    """

    def __init__(
        self,
        kind: str,
        name: str,
        clock: Clock,
        *,
        limit: int = LIMIT,
        pause: float = 60.0,
        pace: Pace | None = None,
        watch: Watch | None = None,
    ) -> None:
        self.kind = kind
        self.name = name
        self._clock = clock
        self._who = f"{kind} {name}"
        self._pace = pace
        self._watch = watch
        self._breaker = Breaker(self._who, clock, limit, pause)
        self._busy_since: float | None = None
        self._calls = self._skipped = 0
        self._seconds = 0.0

    @overload
    def call(self, function: Callable[[*Args], T], *args: *Args) -> T | None: ...
    @overload
    def call(self, function: Callable[[*Args], T], *args: *Args, default: D) -> T | D: ...
    def call(self, function: Callable[[*Args], T], *args: *Args, default: object = None) -> object:
        """Return what the function returns; `default` if it fails or is quarantined."""
        if self._breaker.streak and not self._breaker.admits():
            self._skipped += 1
            return default
        if self._pace and self._pace.slow and not self._pace.admits():
            self._skipped += 1
            return default
        if self._watch is None or get_ident() != self._watch.thread:
            return self._made(function, args, default)
        self._watch.calls.append(self._who)
        try:
            return self._made(function, args, default)
        finally:
            self._watch.calls.pop()

    def _made(self, function: Callable[..., object], args: tuple[object, ...], default: object) -> object:
        self._calls += 1
        self._busy_since = began = self._clock.monotonic()
        try:
            result = function(*args)
        except BaseException as error:
            if isinstance(error, KeyboardInterrupt) and self._watch is None:
                raise
            self._breaker.failed(error)
            return default
        finally:
            self._busy_since = None
            took = self._clock.monotonic() - began
            if self._pace and (took >= SLOW_S or self._pace.slow):
                self._pace.took(took)
        self._seconds += took
        if self._breaker.streak:
            self._breaker.recovered()
        return result

    @overload
    async def acall(self, function: Callable[[*Args], Awaitable[T]], *args: *Args) -> T | None: ...
    @overload
    async def acall(self, function: Callable[[*Args], Awaitable[T]], *args: *Args, default: D) -> T | D: ...
    async def acall(self, function: Callable[[*Args], Awaitable[T]], *args: *Args, default: object = None) -> object:
        """Return what the coroutine function returns; `default` if it fails or is quarantined. GeneratorExit passes: Python closes a
        coroutine with it."""
        if self._breaker.streak and not self._breaker.admits():
            self._skipped += 1
            return default
        self._calls += 1
        self._busy_since = began = self._clock.monotonic()
        try:
            result = await (Stepped(function(*args), self._watch, self._who) if self._watch else function(*args))
        except GeneratorExit:
            raise
        except BaseException as error:
            if isinstance(error, KeyboardInterrupt) and self._watch is None:
                raise
            if isinstance(error, asyncio.CancelledError) and is_cancelled():
                raise
            self._breaker.failed(error)
            return default
        finally:
            self._busy_since = None
        self._seconds += self._clock.monotonic() - began
        if self._breaker.streak:
            self._breaker.recovered()
        return result

    def health(self) -> Health:
        """Return the current health of the plugin."""
        return Health(
            self.kind,
            self.name,
            self._calls,
            self._breaker.faults,
            self._skipped,
            self._seconds,
            self._state,
            self._breaker.last_error,
            0.0 if self._busy_since is None else self._clock.monotonic() - self._busy_since,
        )

    @property
    def _state(self) -> Literal["ok", "failing", "slow", "quarantined"]:
        if self._breaker.is_open:
            return "quarantined"
        if self._pace and self._pace.rests:
            return "slow"
        return "failing" if self._breaker.streak else "ok"
