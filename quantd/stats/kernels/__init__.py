"""Loops that are worth compiling: plain Python functions, which numba replaces once they have been called often enough.

A kernel runs interpreted at first. Once that has cost PATIENCE_S, a thread imports numba and compiles all kernels, or loads them from a
cache on disk. Kernels use neither fastmath nor powers nor numpy's reductions, so both forms give the same bits: no number shows which form
computed it. Kernels stay interpreted without numba or without executable memory. Interpreted loops over a window are far too slow when
thousands of windows are requested at once; such a kernel has a second function that uses numpy's array operations.
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
"""Seconds of interpreted work, over all kernels, after which compiling pays off. Importing numba and compiling take a second of CPU time
with a cache and ten without. The limit equals some 1,000 Dickey-Fuller tests of 121 values, 200 tests of 500 values, or 5,000 Huber lines
through 500 bars; a short run, such as a backtest of one day, ends before that."""
SOON_S = 0.2
"""The same limit for a long-running process, which every interpreted call delays."""


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
        if here.busy:
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
        """Why the kernels stay interpreted; None if there is no such reason."""
        self.begun: threading.Thread | None = None
        """Background thread that compiles; None before compiling pays off."""
        self.tell: Callable[[], None] | None = None
        """Called by the compiling thread if the cache does not hold the kernels, so that compiling takes seconds."""
        self.kernels: list[Kernel[Any, Any]] = []
        self.clock = clock or SystemClock()
        self.here = _Here()
        self._spent = 0.0
        self._patience = PATIENCE_S
        self._cache: Path | None = None
        self._beginning, self._compiling = threading.Lock(), threading.Lock()
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

    def stay(self, directory: Path) -> None:
        """Declare that this process is long-running: compile soon, and keep the compiled forms in `directory`. Without this call
        numba's own cache directories are used."""
        self._cache, self._patience = directory, SOON_S

    @property
    def place(self) -> Path | None:
        """Directory of the compiled forms, as given to `stay`."""
        return self._cache

    @property
    def is_compiling(self) -> bool:
        """Whether the compiling thread is still running."""
        return self.begun is not None and self.begun.is_alive()

    def count(self, spent: float) -> None:
        """Add the seconds that an interpreted call took."""
        self._spent += spent
        if self._spent >= self._patience and self.begun is None:
            self._begin()

    def _begin(self) -> None:
        with self._beginning:
            if self.begun is None:
                self.begun = threading.Thread(target=self.compile, name="kernels")
                self.begun.start()

    def compile(self) -> None:
        """Compile all kernels, then install the compiled forms. They are installed when this returns, unless it failed. Runs only once."""
        with self._compiling:
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
