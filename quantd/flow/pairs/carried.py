"""The states that a recursive regression carries over from bar to bar, from this run and from the recorded points."""

from collections.abc import Callable

from quantd.flow.pairs.rows import shorten
from quantd.flow.pairs.spec import PairSpec
from quantd.model import PairPoint
from quantd.timeframes import timeframe

Recall = Callable[[int, int], list[PairPoint]]
"""Returns the recorded points of start <= ts < end (ms)."""
_RECALLED = 1_500


class CarriedStates:
    """The states of one regression by bar time (ms): the last `most` of this run, and those that `recall` reads from the record."""

    def __init__(self, spec: PairSpec, recall: Recall | None, most: int) -> None:
        self._recall = recall if spec.regression.recursive else None
        self._reach = _RECALLED * timeframe(spec.every).step
        self._most = most
        self._states: dict[int, bytes] = {}
        self._recalled: dict[int, bytes] = {}

    def look_back(self, first: int, last: int, head: int) -> None:
        """Read the states of the recorded points: the last one before the bars of the times `first` to `last` (ms), which is then stored
        for `head`, and those among these bars."""
        if self._recall is None:
            return
        recorded = {point.ts: point.state for point in self._recall(first - self._reach, last + self._reach) if point.state}
        before = max((ts for ts in recorded if ts < first), default=None)
        if before is not None:
            recorded[head] = self._states[before] = recorded[before]
        self._recalled = recorded

    def recorded(self, ts: int) -> bytes | None:
        """Return the recorded state at a bar, if there is one. Recorded states up to this bar are dropped."""
        if not self._recalled:
            return None
        state = self._recalled.pop(ts, None)
        while self._recalled and next(iter(self._recalled)) < ts:
            del self._recalled[next(iter(self._recalled))]
        return state

    @property
    def waits(self) -> bool:
        """Whether recorded states wait for their bars."""
        return bool(self._recalled)

    def keep(self, ts: int, state: bytes) -> None:
        """Store the state after a bar."""
        self._states[ts] = state

    def before(self, ts: int) -> bytes | None:
        """Return the last state before a bar; None if there is none."""
        last = max((each for each in self._states if each < ts), default=None)
        return None if last is None else self._states[last]

    def forget(self) -> None:
        """Drop the states that no later bar can need."""
        shorten(self._states, self._most)
