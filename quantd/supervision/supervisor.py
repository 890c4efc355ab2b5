"""Keeps background tasks alive: a task that fails is logged, counted and started again."""

import asyncio
import logging
import random
from collections import Counter
from collections.abc import Awaitable, Callable
from typing import Any

from quantd.errors import unforeseen
from quantd.supervision.troubles import Troubles

_SHORTEST_PAUSE_S, _LONGEST_PAUSE_S = 1.0, 60.0
_log = logging.getLogger("quantd.tasks")


class Supervisor:
    """Supervises the tasks of one daemon. `restarts` counts, by task name, how often each was started again."""

    def __init__(self, troubles: Troubles) -> None:
        self.restarts = Counter[str]()
        self._troubles = troubles

    def start(self, name: str, work: Callable[[], Awaitable[None]]) -> asyncio.Task[None]:
        """Run `work` in a task of this name until it returns. If it raises, it is called again after a pause, which grows with each failure
        within a minute; it is well again once it has run for a minute."""
        return asyncio.create_task(self._keep_up(name, work), name=name)

    def forget(self, name: str) -> None:
        """Forget a task that has ended for good: it is neither counted nor reported any more."""
        self.restarts.pop(name, None)
        self._troubles.end("tasks", name)

    def unhandled(self, loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        """Report an error that no task awaits. This is the loop's exception handler."""
        loop.default_exception_handler(context)
        self.restarts["unhandled"] += 1
        error = context.get("exception") or context["message"]
        self._troubles.begin("tasks", "unhandled", f"{error}: the log has the traceback; report it")

    async def _keep_up(self, name: str, work: Callable[[], Awaitable[None]]) -> None:
        pause = _SHORTEST_PAUSE_S
        loop = asyncio.get_running_loop()
        while True:
            began = loop.time()
            well = loop.call_later(_LONGEST_PAUSE_S, self._troubles.end, "tasks", name)
            try:
                await work()
                self._troubles.end("tasks", name)
                return
            except asyncio.CancelledError as error:
                if is_cancelled():
                    self._troubles.end("tasks", name)
                    raise
                self._tell(name, error)
            except Exception as error:
                self._tell(name, error)
            finally:
                well.cancel()
            if loop.time() - began > _LONGEST_PAUSE_S:
                pause = _SHORTEST_PAUSE_S
            await asyncio.sleep(random.uniform(0, pause))
            pause = min(2 * pause, _LONGEST_PAUSE_S)

    def _tell(self, name: str, error: BaseException) -> None:
        self.restarts[name] += 1
        while isinstance(error, BaseExceptionGroup):  # a TaskGroup's own text says nothing
            error = error.exceptions[0]
        text = str(error) or type(error).__name__
        _log.error("%s failed and is started again: %s", name, text, exc_info=error if unforeseen(error) else None)
        self._troubles.begin("tasks", name, f"failed and is started again: {text}")


def is_cancelled() -> bool:
    """Return whether the current task has been cancelled. A CancelledError may also come out of an awaited task."""
    task = asyncio.current_task()
    return task is None or task.cancelling() > 0
