"""Loops that pay to be compiled: plain Python functions, which numba takes over once they have been called often.

A kernel runs interpreted from the first call on; once that has cost PATIENCE_S, numba is imported and compiles all kernels in a thread,
or takes them from a cache on disk. A kernel uses neither fastmath nor powers nor numpy's reductions, so both forms give the same bits:
which of them answers, and since when, shows in no number. Without numba, or memory that may be executed, they stay interpreted. Loops over
a window are far too slow for that where thousands of windows are asked for at once; such a kernel has a second function, on numpy's arrays.
"""

import threading
import warnings
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from types import FunctionType
from typing import Any, Generic, ParamSpec, TypeVar

from quantd.clock import Clock, SystemClock
from quantd.stats.kernels.seal import delete_damaged, seal

P = ParamSpec("P")
R = TypeVar("R")
PATIENCE_S = 2.0
"""Seconds of interpreted work, of all kernels together, after which it pays to import numba and to compile, which takes a second of CPU
with a cache, ten without. It is some 1,000 Dickey-Fuller tests of 121 values, 200 of 500, or 5,000 of Huber's lines through 500 bars: a
short run, as a backtest of a day, ends before."""
SOON_S = 0.2
"""The same of a process that stays, and is held up by each interpreted call."""


class Kernel(Generic[P, R]):
    """A function of floats and arrays, in whichever form there is: `interpreted`, or the `compiled` form of `function`."""

    def __init__(self, function: Callable[P, R], signature: str, shop: "Workshop", interpreted: Callable[P, R] | None) -> None:
        self.function = function
        self.interpreted = interpreted or function
        self.signature = signature
        self._shop = shop
        self.compiled: Callable[P, R] | None = None

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:
        if self.compiled is not None:
            return self.compiled(*args, **kwargs)
        here, clock = self._shop.here, self._shop.clock
        if here.busy:
            return self.interpreted(*args, **kwargs)
        here.busy, began = True, clock.monotonic()
        try:
            return self.interpreted(*args, **kwargs)
        finally:
            here.busy = False
            self._shop.count(clock.monotonic() - began)


class _Here(threading.local):
    """Whether a kernel is at work in this thread, whose time tells also of the kernels that it calls."""

    busy = False


class Workshop:
    """Where the kernels are compiled, all at once."""

    def __init__(self, clock: Clock | None = None) -> None:
        self.failure: str | None = None
        """Why the kernels stay interpreted; None while they need not."""
        self.begun: threading.Thread | None = None
        """Compiles in the background; None before that pays."""
        self.tell: Callable[[], None] | None = None
        """Called, by the thread that compiles, when it turns out that there is no cache to take the kernels from: it takes seconds."""
        self.kernels: list[Kernel[Any, Any]] = []
        self.clock = clock or SystemClock()
        self.here = _Here()
        self._spent = 0.0
        self._patience = PATIENCE_S
        self._cache: Path | None = None
        self._beginning, self._compiling = threading.Lock(), threading.Lock()
        self._tried = False

    def kernel(self, signature: str, interpreted: Callable[..., Any] | None = None) -> Callable[[Callable[P, R]], Kernel[P, R]]:
        """Make a kernel of a function; `signature` is its type as numba writes it. It may call the kernels of its module above it.
        `interpreted` is what the interpreter takes instead, where that is faster on numpy's arrays; it must give the same bits."""

        def made(function: Callable[P, R]) -> Kernel[P, R]:
            one = Kernel(function, signature, self, interpreted)
            self.kernels.append(one)
            return one

        return made

    def stay(self, directory: Path) -> None:
        """This process stays: compile soon, and keep the compiled forms there. numba's own places are used unless told."""
        self._cache, self._patience = directory, SOON_S

    @property
    def place(self) -> Path | None:
        """Where the compiled forms are kept, as `stay` was told."""
        return self._cache

    @property
    def is_compiling(self) -> bool:
        """Whether the thread that compiles has not come to its end."""
        return self.begun is not None and self.begun.is_alive()

    def count(self, spent: float) -> None:
        """Seconds that an interpreted call took."""
        self._spent += spent
        if self._spent >= self._patience and self.begun is None:
            self._begin()

    def _begin(self) -> None:
        with self._beginning:
            if self.begun is None:
                self.begun = threading.Thread(target=self.compile, name="kernels")
                self.begun.start()

    def compile(self) -> None:
        """Compile all kernels, then put the compiled forms in their place; they are when it returns, unless it failed. Does so once."""
        with self._compiling:
            if self._tried:
                return
            self._tried = True
            try:
                self._take_over()
            except Exception as error:  # whatever the compiler, the linker or the disk come up with, the interpreted forms still work
                self.failure = f"{type(error).__name__}: {error}"
                warnings.warn(f"numerics stay interpreted, and slow: {self.failure}", RuntimeWarning, stacklevel=2)

    def _take_over(self) -> None:
        import numba

        if self._cache:
            delete_damaged(self._cache)
            numba.config.CACHE_DIR = str(self._cache)  # type: ignore[attr-defined]
        compiled: dict[tuple[str, str], Callable[..., Any]] = {}
        for one in self.kernels:
            function = one.function
            assert isinstance(function, FunctionType)
            above = {name: form for (module, name), form in compiled.items() if module == function.__module__}
            linked = FunctionType(function.__code__, {**function.__globals__, **above}, function.__name__)
            linked.__module__, linked.__qualname__ = function.__module__, function.__qualname__
            form = numba.njit(one.signature, cache=True, nogil=True)(linked)
            if not compiled and self.tell and not form.stats.cache_hits:
                self.tell()
            compiled[function.__module__, function.__name__] = form
        if self._cache:
            with suppress(OSError):  # as on a full disk: they are compiled again at the next start
                seal(self._cache)
        for one in self.kernels:
            one.compiled = compiled[one.function.__module__, one.function.__name__]


workshop = Workshop()
kernel = workshop.kernel
