"""Loops that pay to be compiled: plain Python functions, which numba takes over once they have been called often.

There is one implementation of each. It runs interpreted from the first call on; once that has cost PATIENCE_S, numba is imported and
compiles all kernels in a thread, or takes them from a cache on disk. A kernel uses neither fastmath nor powers nor numpy's reductions, so
both forms give the same bits: which of them answers, and since when, shows in no number. Without numba, or memory that may be executed,
they stay interpreted.
"""

import threading
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FunctionType
from typing import Any, Generic, ParamSpec, TypeVar

from quantd.clock import Clock, SystemClock

P = ParamSpec("P")
R = TypeVar("R")
PATIENCE_S = 0.5
"""Seconds of interpreted work, of all kernels together, that pay for the import and the compiler: some 300 Dickey-Fuller tests of 121
values, or ten of 500."""


class Kernel(Generic[P, R]):
    """A function of floats and arrays, in whichever form there is."""

    def __init__(self, function: Callable[P, R], signature: str, shop: "Workshop") -> None:
        self.function = function
        self.signature = signature
        self._shop = shop
        self.compiled: Callable[P, R] | None = None

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:
        if self.compiled is not None:
            return self.compiled(*args, **kwargs)
        with self._shop.counting():
            return self.function(*args, **kwargs)


class Workshop:
    """Where the kernels are compiled, all at once."""

    def __init__(self, clock: Clock | None = None) -> None:
        self.failure: str | None = None
        """Why the kernels stay interpreted; None while they need not."""
        self.begun: threading.Thread | None = None
        """Compiles in the background; None before that pays."""
        self.kernels: list[Kernel[Any, Any]] = []
        self._clock = clock or SystemClock()
        self._spent = 0.0
        self._cache: Path | None = None
        self._beginning, self._compiling = threading.Lock(), threading.Lock()
        self._tried = False

    def kernel(self, signature: str) -> Callable[[Callable[P, R]], Kernel[P, R]]:
        """Make a kernel of a function; `signature` is its type as numba writes it. It may call the kernels of its module above it."""

        def made(function: Callable[P, R]) -> Kernel[P, R]:
            one = Kernel(function, signature, self)
            self.kernels.append(one)
            return one

        return made

    def keep_in(self, directory: Path) -> None:
        """Keep the compiled forms there; numba's own places are used unless told."""
        self._cache = directory

    @contextmanager
    def counting(self) -> Iterator[None]:
        """One more interpreted call. A kernel that another calls counts twice, which does not matter."""
        began = self._clock.monotonic()
        yield
        self._spent += self._clock.monotonic() - began
        if self._spent >= PATIENCE_S and self.begun is None:
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
            numba.config.CACHE_DIR = str(self._cache)  # type: ignore[attr-defined]
        compiled: dict[tuple[str, str], Callable[..., Any]] = {}
        for one in self.kernels:
            function = one.function
            assert isinstance(function, FunctionType)
            above = {name: form for (module, name), form in compiled.items() if module == function.__module__}
            linked = FunctionType(function.__code__, {**function.__globals__, **above}, function.__name__)
            linked.__module__, linked.__qualname__ = function.__module__, function.__qualname__
            compiled[function.__module__, function.__name__] = numba.njit(one.signature, cache=True, nogil=True)(linked)
        for one in self.kernels:
            one.compiled = compiled[one.function.__module__, one.function.__name__]


workshop = Workshop()
kernel = workshop.kernel
