"""Keeps on disk the answers that took long, so that a daemon that has just started need not compute them again.

    task ──▶ key: a digest of the bars, the question and the code ── kept? ──▶ answer
                    └ no ──▶ compute ── took over 100 ms? ──▶ keep ──▶ answer

The bars are part of the key, so that an answer is found again exactly as long as nothing that it depends on has changed. Reading, writing
and the digest are done in a thread.
"""

import asyncio
import logging
import sys
from collections.abc import Awaitable, Callable, Iterator, MutableMapping
from functools import lru_cache
from hashlib import sha256
from pathlib import Path

import msgspec

import quantd
from quantd.blobs import DISK_FAILS
from quantd.clock import Clock
from quantd.services.analytics import Analysis
from quantd.services.live.calculator import Calculator, Task, analysis_of
from quantd.state import tried_again
from quantd.supervision.troubles import Troubles

SLOW_S = 0.1
"""Time (s) from which on an answer is kept."""
_LOOKED_UP_S = 0.01
"""Estimated time (s) of a computation from which on the disk is asked first."""
_PREFIX = "answer/"
_log = logging.getLogger("quantd.state")


class SlowAnswers:
    """The answers in `cache`, which drops the ones that were used longest ago."""

    def __init__(self, cache: MutableMapping[str, bytes], calculator: Calculator, troubles: Troubles, clock: Clock) -> None:
        self._cache = cache
        self._calculator = calculator
        self._troubles = troubles
        self._clock = clock

    async def answer(self, task: Task, compute: Callable[[], Awaitable[Analysis]]) -> Analysis:
        """Return the answer to a task: the one that is kept, or what `compute` returns."""
        if self._calculator.cost(task) < _LOOKED_UP_S:
            return await compute()
        key, known = await asyncio.to_thread(self._look_up, task)
        if known is not None:
            return known
        since = self._clock.monotonic()
        found = await compute()
        if self._clock.monotonic() - since > SLOW_S:
            with tried_again(self._troubles, "slow answers"):
                await asyncio.to_thread(self._keep, key, found)
        return found

    def _look_up(self, task: Task) -> tuple[str, Analysis | None]:
        key = _PREFIX + self._digest(task)
        try:
            value = self._cache.get(key)
            return key, analysis_of(value) if value else None
        except DISK_FAILS:  # that is told where the answer is kept
            return key, None
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            _log.error("what was kept as %s is broken, and is computed again: %s", key, error)
            return key, None

    def _keep(self, key: str, found: Analysis) -> None:
        self._cache[key] = msgspec.msgpack.encode(found)

    def _digest(self, task: Task) -> str:
        plugin = self._calculator.plugin(task.question.method)
        return sha256(msgspec.msgpack.encode(task) + code_mark(plugin).encode()).hexdigest()


@lru_cache(maxsize=64)
def code_mark(plugin: type) -> str:
    """Return a mark of the code that computes with a plugin: quantd's own, and the package or file of the plugin. It changes with each
    change of these files."""
    module = sys.modules[plugin.__module__]
    package = sys.modules[plugin.__module__.partition(".")[0]]
    digest = sha256()
    for source in (quantd, package, module):
        for path in _files(source.__file__):
            known = path.stat()
            digest.update(f"{path} {known.st_size} {known.st_mtime_ns}\n".encode())
    return digest.hexdigest()


def _files(origin: str | None) -> Iterator[Path]:
    """Yield the source files of a package, or the file of a module."""
    if origin is None:
        return
    path = Path(origin)
    yield from sorted(path.parent.rglob("*.py")) if path.name == "__init__.py" else [path]
