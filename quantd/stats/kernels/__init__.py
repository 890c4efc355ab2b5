"""Loops that are worth compiling: plain Python functions, which numba replaces where a process allows it and calls them often enough.

A kernel runs interpreted at first. If the process has called `compiler.allow`, and kernels have taken PATIENCE_S, a process beside it
compiles all kernels into a cache on disk, from which this one then loads them: work never waits for the compiler, and a process that has
not called `allow`, such as the daemon, never imports numba. Kernels use neither fastmath nor powers nor numpy's reductions, so both forms
give the same bits: no number shows which form computed it. Kernels stay interpreted without numba or without executable memory.
Interpreted loops over a window are slow; such a kernel has a second function that uses numpy's array operations.
"""

import os
import subprocess
import sys
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
"""Seconds of interpreted work, over all kernels, after which compiling pays off. Importing numba and loading the kernels takes half a
second of CPU time; compiling them, once, takes seven on another core. The limit equals some 14,000 Dickey-Fuller tests of 121 values, 7,000
tests of 500 values, or 12,000 Huber lines through 500 bars; a short run, such as a backtest of one day, ends before that."""


class Kernel(Generic[P, R]):
    """A function of floats and arrays that runs in the form `interpreted` until the `compiled` form of `function` exists."""

    def __init__(self, function: Callable[P, R], signature: str, compiler: "Compiler", interpreted: Callable[P, R] | None) -> None:
        self.function = function
        self.interpreted = interpreted or function
        self.signature = signature
        self._compiler = compiler
        self.compiled: Callable[P, R] | None = None

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:
        if self.compiled is not None:
            return self.compiled(*args, **kwargs)
        here, clock = self._compiler.here, self._compiler.clock
        if here.busy or not self._compiler.allowed:
            return self.interpreted(*args, **kwargs)
        here.busy, began = True, clock.monotonic()
        try:
            return self.interpreted(*args, **kwargs)
        finally:
            here.busy = False
            self._compiler.count(clock.monotonic() - began)


class _Here(threading.local):
    """Whether a kernel is running in this thread; its time includes that of the kernels that it calls."""

    busy = False


class Compiler:
    """Compiles the kernels, all at once."""

    def __init__(self, clock: Clock | None = None) -> None:
        self.failure: str | None = None
        """Why the kernels stay interpreted though they may be compiled; None if there is no such reason."""
        self.tell: Callable[[], None] | None = None
        """Called by `compile` if the cache does not hold the kernels, so that compiling takes seconds."""
        self.kernels: list[Kernel[Any, Any]] = []
        self.allowed = False
        """Whether kernels are compiled once that pays off."""
        self.clock = clock or SystemClock()
        self.here = _Here()
        self._beside: subprocess.Popen[bytes] | None = None
        self._spent = 0.0
        self._cache: Path | None = None
        self._announcement = ""
        self._one = threading.Lock()
        self._tried = False

    def kernel(self, signature: str, interpreted: Callable[..., Any] | None = None) -> Callable[[Callable[P, R]], Kernel[P, R]]:
        """Make a kernel of a function; `signature` is its type in numba's notation. The function may call kernels defined above it in its
        module. `interpreted` replaces it as long as it is not compiled, where numpy's array operations are faster; it must give the same
        bits."""

        def made(function: Callable[P, R]) -> Kernel[P, R]:
            one = Kernel(function, signature, self, interpreted)
            self.kernels.append(one)
            return one

        return made

    def allow(self, cache: Path | None = None, announcement: str = "") -> None:
        """Have kernels compiled once that pays off, into the directory `cache` or one that numba chooses. `announcement` is printed on
        stderr if that takes seconds, because the cache does not hold them."""
        self.allowed, self._cache, self._announcement = True, cache, announcement

    def count(self, spent: float) -> None:
        """Add the seconds that an interpreted call took. The caller that exceeds the limit starts the process that compiles, and the first
        one after its end loads the compiled forms."""
        self._spent += spent
        if not self.allowed or self._tried or self._spent < PATIENCE_S or not self._one.acquire(blocking=False):
            return
        try:
            if self._beside is None:
                self._beside = self.begin()
            elif (ended := self._beside.poll()) == 0:
                self.compile()
            elif ended:
                self._tried, self.failure = True, f"the process that compiles ended with {ended}"
        except OSError as error:  # for example no memory for a process
            self._tried, self.failure = True, str(error)
        finally:
            self._one.release()

    def begin(self) -> subprocess.Popen[bytes]:
        """Start a process that fills the cache with the kernels. It ends with this one, however that ends: its standard input closes."""
        modules = {one.function.__module__ for one in self.kernels}
        command = [sys.executable, "-P", "-m", "quantd.stats.kernels.beside", str(self._cache or ""), self._announcement, *modules]
        path = os.pathsep.join(os.path.abspath(each) for each in sys.path)
        return subprocess.Popen(command, stdin=subprocess.PIPE, env={**os.environ, "PYTHONPATH": path})

    def compile(self) -> None:
        """Compile all kernels in this process, or load them from the cache, and install the compiled forms. They are installed when this
        returns, unless it failed. Runs only once."""
        if self._tried:
            return
        self._tried = True
        try:
            self._take_over()
        except Exception as error:  # whatever fails in the compiler, the linker or the disk, the interpreted forms still work
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
            with suppress(OSError):  # for example on a full disk: the next start compiles them again
                seal(self._cache)
        for one in self.kernels:
            one.compiled = compiled[one.function.__module__, one.function.__name__]


compiler = Compiler()
kernel = compiler.kernel
