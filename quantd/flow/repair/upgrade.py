"""Points that an older definition has left in the record are made anew of the recorded bars, while the daemon serves."""

import asyncio
import logging
from collections.abc import MutableMapping, Sequence

from quantd.blobs import recalled
from quantd.clock import Clock
from quantd.errors import QuantdError, unforeseen
from quantd.flow.outlets import Outlets
from quantd.flow.pair import PairStage
from quantd.flow.record import Recorder
from quantd.flow.repair.outdated import Outdated, RegressionError
from quantd.model import DEFINITION
from quantd.times import formatted

_TELL_S = 10.0
_MOST_FAILURES = 5
"""Of a regression: what it fails at it mostly fails at again. A store is tried for as long as it takes."""
_SHORTEST_PAUSE_S, _LONGEST_PAUSE_S = 10.0, 3_600.0
_log = logging.getLogger("quantd.flow")


class Upgrade:
    """The work on what these pairs have recorded. `kept` remembers of each series up to when (ms) there is nothing left to do.

    It takes half of a core at most. What it makes is neither exported nor told to listeners: those were told of that time then."""

    def __init__(self, outlets: Outlets, pairs: Sequence[PairStage], clock: Clock, kept: MutableMapping[str, bytes]) -> None:
        self._outlets = outlets
        self._clock = clock
        self._kept = kept
        self._pairs = pairs

    async def run(self, begin: asyncio.Event) -> None:
        """From `begin` on, to the end of what is recorded then. A series that fails is told of, and tried again later from where it was."""
        recorder = self._outlets.recorder
        if recorder is None:
            return
        left = self._works(recorder)
        pause = _SHORTEST_PAUSE_S
        await begin.wait()
        while left := [work for work in left if not await self._done(work, recorder)]:
            await asyncio.sleep(pause)
            pause = min(2 * pause, _LONGEST_PAUSE_S)

    def _works(self, recorder: Recorder) -> list[Outdated]:
        history, clock = self._outlets.history, self._clock
        return [
            Outdated(series.spec, (pair.y.symbol, pair.x.symbol), recorder.store, history, clock)
            for pair in self._pairs
            for series in pair.series
        ]

    async def _done(self, work: Outdated, recorder: Recorder) -> bool:
        """Whether nothing is left to do before the next start."""
        try:
            await self._work_off(work, recorder)
        except RegressionError as error:
            return self._given_up(work, error)
        except Exception as error:  # whatever a store raises
            text = "%s: points of an older definition are not made anew; it is tried again: %s"
            _log.warning(text, work.name, error, exc_info=unforeseen(error))
            return False
        return True

    def _given_up(self, work: Outdated, error: RegressionError) -> bool:
        if work.failures < _MOST_FAILURES:
            _log.warning("%s: points of an older definition are not made anew; it is tried again: %s", work.name, error)
            return False
        text = "%s: points of an older definition are not made anew from %s on, which is tried again at the next start: %s"
        _log.error(text, work.name, _time(work.at), error)
        return True

    def _mark(self, work: Outdated) -> int:
        return recalled(self._kept, _key(work), int) or 0

    async def _work_off(self, work: Outdated, recorder: Recorder) -> None:
        began = told = self._clock.monotonic()
        await asyncio.to_thread(work.look, self._mark(work))
        while work.at < work.end:
            since = self._clock.monotonic()
            begun = work.found
            await self._go_on(work, recorder)
            now = self._clock.monotonic()
            if work.found and not begun:
                _log.info("%s: points of an older definition are made anew, %s to %s", work.name, _time(work.at), _time(work.end - 1))
            elif now - told >= _TELL_S:
                told, self._kept[_key(work)] = now, b"%d" % work.at
                _log.info("%s: %d points made anew, up to %s", work.name, work.made, _time(work.at))
            await asyncio.sleep(now - since)
        self._kept[_key(work)] = b"%d" % work.end
        if work.found:
            text = "%s: %d points made anew in %.1f s; %d stay as they were: their bars are not recorded"
            _log.info(text, work.name, work.made, self._clock.monotonic() - began, work.left)

    async def _go_on(self, work: Outdated, recorder: Recorder) -> None:
        async with self._outlets.remaking:
            points = await asyncio.to_thread(work.go_on)
            recorder.points(points)
            if points and not await recorder.write():
                raise QuantdError("the store does not take them")
        work.made += len(points)
        self._outlets.made_anew += len(points)


def _key(work: Outdated) -> str:
    return f"{DEFINITION}/{work.name}"


def _time(ts: int) -> str:
    return formatted(ts, "%Y-%m-%d %H:%M:%S")
