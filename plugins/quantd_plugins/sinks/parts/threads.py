"""Threads of a sink's own: one whose calls hang keeps no thread from another sink, and does not keep the daemon from ending."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from threading import Thread
from typing import TypeVar, TypeVarTuple

Args = TypeVarTuple("Args")
T = TypeVar("T")
_MOST = 16


class Threads:
    """Runs functions in threads, so many at a time. Only the loop's thread may call."""

    def __init__(self, most: int = _MOST) -> None:
        self._free = asyncio.Semaphore(most)

    async def run(self, function: Callable[[*Args], T], *args: *Args) -> T:
        """Return what a function returns, which begins once fewer others run."""
        await self._free.acquire()
        loop = asyncio.get_running_loop()
        result: asyncio.Future[T] = loop.create_future()

        def end(value: T | None, error: BaseException | None) -> None:
            self._free.release()
            if result.done():
                return
            if error is not None:
                result.set_exception(error)
            else:
                result.set_result(value)  # type: ignore[arg-type]

        def work() -> None:
            value, error = None, None
            try:
                value = function(*args)
            except BaseException as failed:
                error = failed
            with suppress(RuntimeError):  # the loop is closed
                loop.call_soon_threadsafe(end, value, error)

        Thread(target=work, name=f"sink {function.__name__}", daemon=True).start()
        return await result
