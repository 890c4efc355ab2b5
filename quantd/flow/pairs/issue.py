"""Assigns revisions to the points of a pair."""

from collections.abc import Iterable

import msgspec
from msgspec import Struct

from quantd.flow.pairs.background import Metrics
from quantd.flow.pairs.rows import shorten
from quantd.model import PairPoint


class Counts(Struct):
    """Number of points made, and number of points whose bar the regression treated as an outlier. A re-issued point counts once."""

    made: int = 0
    clipped: int = 0


class Issuer:
    """Numbers the revisions of the last `most` points. Re-issues a point when a slow job returns one of the `slow_metrics`."""

    def __init__(self, slow_metrics: Iterable[str], most: int) -> None:
        self.counts = Counts()
        self.last: PairPoint | None = None
        """The newest point, at its last revision."""
        self._slow_metrics = frozenset(slow_metrics)
        self._most = most
        self.revisions: dict[int, int] = {}
        """The last revisions by time (ms)."""
        self._unfinished: dict[int, PairPoint] = {}
        self._arrived: list[PairPoint] = []

    def issued(self, point: PairPoint) -> PairPoint:
        """Return the point under its next revision."""
        revision = self.revisions[point.ts] = self.revisions.get(point.ts, -1) + 1
        if not revision:
            self._count(point)
        numbered = msgspec.structs.replace(point, revision=revision) if revision else point
        if self._slow_metrics:
            self._unfinished[point.ts] = numbered
        if self.last is None or numbered.ts >= self.last.ts:
            self.last = numbered
        return numbered

    def mended(self, point: PairPoint) -> PairPoint:
        """Return a changed point under its next revision. It keeps the results of slow jobs until new ones arrive."""
        earlier = self._unfinished.get(point.ts)
        if earlier is None:
            return self.issued(point)
        kept = {name: value for name, value in earlier.metrics.items() if name in self._slow_metrics}
        return self.issued(msgspec.structs.replace(point, metrics=kept | dict(point.metrics)))

    def attach(self, ts: int, found: Metrics) -> None:
        """Re-issue the published point of time `ts` (ms) with the results of a slow job."""
        point = self._unfinished.get(ts)
        if point:
            self._arrived.append(self.issued(msgspec.structs.replace(point, metrics={**point.metrics, **found})))

    def restore(self, revisions: dict[int, int], last: PairPoint, counts: Counts) -> None:
        """Continue from what was issued elsewhere."""
        self.revisions, self.last, self.counts = revisions, last, counts

    def arrived(self) -> list[PairPoint]:
        """Remove and return the points that `attach` has re-issued since the last call."""
        arrived, self._arrived = self._arrived, []
        return arrived

    def forget(self) -> None:
        """Drop what is stored of points that no later bar can change."""
        shorten(self.revisions, self._most)
        shorten(self._unfinished, self._most)

    def _count(self, point: PairPoint) -> None:
        self.counts.made += 1
        self.counts.clipped += point.hedge.weight < 1.0
