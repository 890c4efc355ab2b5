"""A thread that reports what blocks the event loop: while the loop is blocked, nothing else can report it."""

import asyncio
import logging
import sys
from collections.abc import Awaitable, Generator
from threading import Event, Thread, get_ident
from typing import Any, Generic, TypeVar

from quantd.clock import Clock
from quantd.plugin.blame import place_in_loop

T = TypeVar("T")
_LOOK_S = 0.25
_TELL_S = 1.0
_log = logging.getLogger("quantd.plugin")


class Watch:
    """Watches the event loop that runs when it is started. It logs a blocked loop after a second, and again each time the wait has
    doubled."""

    def __init__(self, clock: Clock) -> None:
        self.thread = 0
        """The thread of the loop."""
        self.calls: list[str] = []
        """The plugins that the loop is calling now, and for whom; the innermost call is last."""
        self._clock = clock
        self._ended = Event()
        self._asked = self._answered = 0.0
        self._told = 0.0

    def start(self, loop: asyncio.AbstractEventLoop) -> None:
        """Start watching. Must be called in the loop's thread."""
        self.thread = get_ident()
        self._asked = self._answered = self._clock.monotonic()
        Thread(target=self._run, args=(loop,), name="watch", daemon=True).start()

    def stop(self) -> None:
        """Stop watching. A second call does nothing."""
        self._ended.set()

    def _run(self, loop: asyncio.AbstractEventLoop) -> None:
        while not self._ended.wait(_LOOK_S):
            self._look()  # examine the last request before sending a new one
            if self._answered >= self._asked:
                self._asked = self._clock.monotonic()
                try:
                    loop.call_soon_threadsafe(self._answer)
                except RuntimeError:  # the loop is closed
                    return

    def _answer(self) -> None:
        self._answered = self._clock.monotonic()

    def _look(self) -> None:
        if self._answered >= self._asked:
            if self._told:
                _log.warning("the event loop goes on after %.1f s", self._answered - self._asked)
            self._told = 0.0
            return
        held = self._clock.monotonic() - self._asked
        if held >= max(_TELL_S, 2 * self._told):
            self._told = held
            (who,) = self.calls[-1:] or ["quantd itself"]  # one read: the loop may end the call meanwhile
            _log.error("nothing else has run for %.1f s: %s is at %s", held, who, place_in_loop(sys._current_frames().get(self.thread)))


class Stepped(Generic[T]):
    """Awaits an awaitable of a plugin and notes each of its steps in the watch: between the steps other tasks run."""

    def __init__(self, awaitable: Awaitable[T], watch: Watch, who: str) -> None:
        self._awaitable = awaitable
        self._calls = watch.calls
        self._who = who

    def __await__(self) -> Generator[Any, Any, T]:
        steps: Any = self._awaitable.__await__()
        step, value = steps.send, None
        while True:
            self._calls.append(self._who)
            try:
                waits = step(value)
            except StopIteration as stop:
                return stop.value  # type: ignore[no-any-return]
            finally:
                self._calls.pop()
            try:
                step, value = steps.send, (yield waits)
            except GeneratorExit:
                steps.close()
                raise
            except BaseException as error:
                step, value = steps.throw, error
