"""The guard between quantd and a plugin: counts, times and catches, and gives a plugin that keeps failing a rest (circuit breaker)."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from threading import get_ident
from typing import Literal, TypeVar, TypeVarTuple, overload

from msgspec import Struct

from quantd.clock import Clock
from quantd.plugin.blame import blame, fault_kind
from quantd.plugin.pace import SLOW_S, Pace
from quantd.plugin.watch import Stepped, Watch
from quantd.supervision.supervisor import is_cancelled

T = TypeVar("T")
D = TypeVar("D")
Args = TypeVarTuple("Args")

_log = logging.getLogger("quantd.plugin")
_MOST_KINDS_TOLD = 20
LIMIT = 3
"""So many faults in a row, and a plugin is left alone."""


class Health(Struct, frozen=True):
    """How a plugin fares. `calls` were made, `skipped` were not, for it was quarantined."""

    kind: str
    name: str
    calls: int
    faults: int
    skipped: int
    seconds: float
    """Time spent in the calls that succeeded, awaiting included, by the guard's clock: 0 in a replay."""
    state: Literal["ok", "failing", "slow", "quarantined"]
    """Failing: the last call did. It is left alone where it is `slow`, for its calls hold up everything else, or `quarantined`."""
    last_error: str | None
    busy: float = 0.0
    """How long the call that is being made has taken so far, s."""


class Guard:
    """Makes the calls to one plugin. After `limit` faults in a row it is left alone for `pause` seconds, then tried with one call.

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
        self._busy_since: float | None = None
        self._limit = limit
        self._pause = pause
        self._calls = self._faults = self._skipped = 0
        self._seconds = 0.0
        self._streak = 0
        self._retry_at = 0.0
        self._last_error: str | None = None
        self._told: set[tuple[str, str]] = set()

    @overload
    def call(self, function: Callable[[*Args], T], *args: *Args) -> T | None: ...
    @overload
    def call(self, function: Callable[[*Args], T], *args: *Args, default: D) -> T | D: ...
    def call(self, function: Callable[[*Args], T], *args: *Args, default: object = None) -> object:
        """What the function returns; `default` if it fails or is quarantined."""
        if self._streak and not self._admits():
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
            self._failed(error)
            return default
        finally:
            self._busy_since = None
            took = self._clock.monotonic() - began
            if self._pace and (took >= SLOW_S or self._pace.slow):
                self._pace.took(took)
        self._seconds += took
        if self._streak:
            self._recovered()
        return result

    @overload
    async def acall(self, function: Callable[[*Args], Awaitable[T]], *args: *Args) -> T | None: ...
    @overload
    async def acall(self, function: Callable[[*Args], Awaitable[T]], *args: *Args, default: D) -> T | D: ...
    async def acall(self, function: Callable[[*Args], Awaitable[T]], *args: *Args, default: object = None) -> object:
        """The same for a coroutine function. GeneratorExit passes: it is how Python closes a coroutine from outside."""
        if self._streak and not self._admits():
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
            self._failed(error)
            return default
        finally:
            self._busy_since = None
        self._seconds += self._clock.monotonic() - began
        if self._streak:
            self._recovered()
        return result

    def health(self) -> Health:
        return Health(
            self.kind,
            self.name,
            self._calls,
            self._faults,
            self._skipped,
            self._seconds,
            self._state,
            self._last_error,
            0.0 if self._busy_since is None else self._clock.monotonic() - self._busy_since,
        )

    @property
    def _state(self) -> Literal["ok", "failing", "slow", "quarantined"]:
        if self._quarantined:
            return "quarantined"
        if self._pace and self._pace.rests:
            return "slow"
        return "failing" if self._streak else "ok"

    @property
    def _quarantined(self) -> bool:
        return self._streak >= self._limit

    def _admits(self) -> bool:
        """Whether to make a call after faults. A trial starts the pause anew, so that it stays the only one."""
        if not self._quarantined:
            return True
        now = self._clock.monotonic()
        if now < self._retry_at:
            self._skipped += 1
            return False
        self._retry_at = now + self._pause
        return True

    def _failed(self, error: BaseException) -> None:
        self._faults += 1
        self._streak += 1
        self._last_error = blame(error)
        if self._quarantined:
            self._retry_at = self._clock.monotonic() + self._pause
        if self._news(fault_kind(error)):
            _log.warning("%s %s: %s", self.kind, self.name, self._last_error)
        if self._streak == self._limit:
            _log.warning("%s %s: %d faults in a row; left out, tried again in %g s", self.kind, self.name, self._limit, self._pause)

    def _news(self, kind: tuple[str, str]) -> bool:
        """Whether this kind of fault is yet to be told; a plugin that finds ever new ones is not told of for ever."""
        new = kind not in self._told and len(self._told) < _MOST_KINDS_TOLD
        if new:
            self._told.add(kind)
        return new

    def _recovered(self) -> None:
        if self._quarantined:
            _log.warning("%s %s: works again after %d faults in a row", self.kind, self.name, self._streak)
            self._told.clear()
        self._streak = 0
