"""Rebuilds the points that an older definition left in the record, while the daemon serves."""

import asyncio
import logging
from collections.abc import MutableMapping, Sequence

from quantd.blobs import recalled
from quantd.clock import Clock
from quantd.errors import QuantdError, unforeseen
from quantd.flow.outputs import Outputs
from quantd.flow.pair import PairStage
from quantd.flow.record import Recorder
from quantd.flow.repair.outdated import OutdatedPoints, RegressionError
from quantd.flow.repair.pace import half_load, until_done
from quantd.flow.repair.points import Legs
from quantd.model import DEFINITION
from quantd.times import format_time

_TELL_S = 10.0
_MOST_FAILURES = 5
"""A failure of the regression is mostly permanent, so it is tried at most this often. A store is tried for as long as it takes."""
_log = logging.getLogger("quantd.flow")


class Upgrade:
    """Upgrades the recorded points of these pairs. `kept` stores, for each series, the time (ms) up to which it is done.

    It takes at most half of a core. The rebuilt points are neither exported nor published, since listeners got points of that time before.
    """

    def __init__(self, outputs: Outputs, pairs: Sequence[PairStage], clock: Clock, kept: MutableMapping[str, bytes]) -> None:
        self._outputs = outputs
        self._clock = clock
        self._kept = kept
        self._outdated = [
            OutdatedPoints(series.spec, Legs(pair.y.symbol, pair.x.symbol), outputs.history, clock)
            for pair in pairs
            for series in pair.series
        ]

    async def run(self, begin: asyncio.Event) -> None:
        """Upgrade after `begin` is set, to the end of what is recorded then. A series that fails is logged and continued later."""
        recorder = self._outputs.recorder
        if recorder is None:
            return
        await begin.wait()
        await until_done(self._outdated, lambda points: self._is_done(points, recorder))

    async def _is_done(self, points: OutdatedPoints, recorder: Recorder) -> bool:
        """Upgrade a series. Return whether nothing is left to do before the next start."""
        try:
            await self._rebuild(points, recorder)
        except RegressionError as error:
            return self._given_up(points, error)
        except Exception as error:  # a store may raise anything
            text = "%s: points of an older definition are not rebuilt; it is tried again: %s"
            _log.warning(text, points.name, error, exc_info=unforeseen(error))
            return False
        return True

    def _given_up(self, points: OutdatedPoints, error: RegressionError) -> bool:
        if points.progress.failures < _MOST_FAILURES:
            _log.warning("%s: points of an older definition are not rebuilt; it is tried again: %s", points.name, error)
            return False
        text = "%s: points of an older definition are not rebuilt from %s on, which is tried again at the next start: %s"
        _log.error(text, points.name, _time(points.progress.at), error)
        return True

    async def _rebuild(self, points: OutdatedPoints, recorder: Recorder) -> None:
        began = told = self._clock.monotonic()
        await asyncio.to_thread(points.start, recalled(self._kept, _key(points), int) or 0)
        while points.progress.at < points.progress.end:
            begun = points.found
            async with half_load(self._clock):
                await self._rebuild_next(points, recorder)
                now = self._clock.monotonic()
                if points.found and not begun:
                    span = _time(points.progress.at), _time(points.progress.end - 1)
                    _log.info("%s: points of an older definition are rebuilt, %s to %s", points.name, *span)
                elif now - told >= _TELL_S:
                    told, self._kept[_key(points)] = now, b"%d" % points.progress.at
                    _log.info("%s: %d points rebuilt, up to %s", points.name, points.progress.made, _time(points.progress.at))
        self._kept[_key(points)] = b"%d" % points.progress.end
        if points.found:
            text = "%s: %d points rebuilt in %.1f s; %d stay as they were: their bars are not recorded"
            _log.info(text, points.name, points.progress.made, self._clock.monotonic() - began, points.progress.left)

    async def _rebuild_next(self, points: OutdatedPoints, recorder: Recorder) -> None:
        async with self._outputs.rebuilding:
            rebuilt = await asyncio.to_thread(points.rebuild_next)
            recorder.points(rebuilt)
            if rebuilt and not await recorder.write():
                raise QuantdError("the store does not take them")
        points.progress.made += len(rebuilt)
        self._outputs.points_rebuilt += len(rebuilt)


def _key(points: OutdatedPoints) -> str:
    return f"{DEFINITION}/{points.name}"


def _time(ts: int) -> str:
    return format_time(ts, "%Y-%m-%d %H:%M:%S")
