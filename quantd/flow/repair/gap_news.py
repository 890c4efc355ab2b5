"""Reports which gaps opened and closed, and rebuilds the bars that closed before a gap was known."""

import logging
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager

from quantd.clock import Clock
from quantd.flow.news import News
from quantd.flow.outputs import Outputs
from quantd.flow.repair.queue import RebuildQueue
from quantd.flow.symbol import SymbolStage, in_turn
from quantd.flow.watermark import Watermark
from quantd.model import Gap

_MOST_LOGGED = 5
"""Number of gaps of one batch that are logged by name: a lost connection opens one in each of its symbols."""
_log = logging.getLogger("quantd.flow")


class GapNews:
    """The gaps of the symbols of one flow. A gap closes only when its bars are rebuilt, so that a run after a kill finds it still open.

    Only the symbols `to_ask` are asked. The publisher adds those that have traded or closed bars while trades are missing or in doubt; a
    symbol is removed once nothing can become news by time alone."""

    def __init__(
        self, outputs: Outputs, clock: Clock, to_ask: set[SymbolStage], watermark: Watermark, queue: RebuildQueue, news: News
    ) -> None:
        self._outputs = outputs
        self._clock = clock
        self._to_ask = to_ask
        self._queue = queue
        self._watermark = watermark
        self._news = news
        self._held: SymbolStage | None = None

    @contextmanager
    def held_back(self, stage: SymbolStage) -> Iterator[None]:
        """Hold back reports on the gaps of this symbol meanwhile."""
        self._held = stage
        try:
            yield
        finally:
            self._held = None

    def tell(self) -> None:
        """Report the gaps that opened or closed since the last call."""
        now = self._clock.now()
        told: list[Gap] = []
        for stage in in_turn(self._to_ask):
            self._end_doubt(stage)
            if stage is self._held or not stage.ready or self._queue.holds(stage):
                continue
            if gaps := stage.intake.news_of_gaps(now):
                told += gaps
                self._doubt(stage, gaps)
            if not stage.intake.waits:
                self._to_ask.discard(stage)
        self._outputs.tell_gaps(told)
        _log_gaps(told)

    def _doubt(self, stage: SymbolStage, gaps: Iterable[Gap]) -> None:
        """Rebuild the bars that closed before trades were known to be missing, so that they are marked."""
        began = self._news.began
        for gap in gaps:
            if gap.closed is None and began <= gap.end and gap.start < stage.mended_from(self._watermark.closed):
                self._queue.put(stage, max(gap.start, began), gap.end)

    def _end_doubt(self, stage: SymbolStage) -> None:
        """Rebuild the bars that closed in doubt, once the missing trades have arrived by themselves or nothing turns out to be missing."""
        for start, end in stage.news_of_trust():
            mended_from = stage.mended_from(self._watermark.closed)
            if start < mended_from:
                self._queue.put(stage, start, min(end, mended_from))


def _log_gaps(gaps: Sequence[Gap]) -> None:
    for gap in gaps[:_MOST_LOGGED]:
        ids = f"{gap.symbol}: ids {gap.first_id} to {gap.last_id}"
        if gap.closed is None:
            _log.info("%s are missing: %s", ids, gap.cause)
        else:
            _log.info("%s are no longer missing", ids)
    if len(gaps) > _MOST_LOGGED:
        _log.info("and %d gaps more have opened or closed", len(gaps) - _MOST_LOGGED)
